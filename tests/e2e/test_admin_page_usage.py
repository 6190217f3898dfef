"""What the admin page shows, in a real browser: usage, what goes on now, the audit, the documentation."""

import json
from decimal import Decimal

from harness import admin, keys, raw, sdk
from harness.sdk import MODEL
from harness.upstream import steering
from playwright.sync_api import expect

SETTINGS = admin.SETTINGS


def figures(page):
    """The plot's alternative as {series: total}, and its rows."""
    page.get_by_text("The plot as a table").click()
    table = page.locator("details table")
    names = table.locator("thead th").all_inner_texts()[1:]
    totals = table.locator("tfoot td").all_inner_texts()
    return dict(zip(names, totals, strict=True)), table.locator("tbody tr").count()


def test_the_plot_shows_what_the_ledger_has(visit, start_house, pair):
    house = start_house(tls=pair, entries=[keys.entry(), keys.entry(keys.secret("two"), "two", description="Zwei")],
                        **admin.SETTINGS)
    for _ in range(3):
        sdk.chat(house, keys.SECRET)
    sdk.chat(house, keys.secret("two"))
    done = house.run("usage", "--by", "key", "--format", "json")
    ledger = {row["key_id"]: row for row in json.loads(done.stdout)["rows"]}
    someone = visit(house)
    someone.enter()
    page = someone.open("/admin/usage?period=today&measure=tokens", "Usage & costs")
    totals, steps = figures(page)
    assert totals == {"e2e": f"{ledger['e2e']['total_tokens']:,}", "Zwei": f"{ledger['two']['total_tokens']:,}"}
    assert steps in (1, 2), "all of it within this hour, or two if one began meanwhile"
    drawn = page.evaluate("Object.values(Chart.instances)[0].data.datasets.map((d) => "
                          "[d.label, d.data.reduce((a, b) => a + b, 0)])")
    assert dict(drawn) == {"e2e": ledger["e2e"]["total_tokens"], "Zwei": ledger["two"]["total_tokens"]}

    someone.choose("Spend")
    spent, _ = figures(page)
    assert {name: Decimal(text.strip("€")) for name, text in spent.items()} == {
        "e2e": Decimal(ledger["e2e"]["cost_eur"]), "Zwei": Decimal(ledger["two"]["cost_eur"])}
    for period in ("7 days", "30 days", "Year", "All"):
        someone.choose(period)
        expect(page.locator(".tile").filter(has_text="Requests").locator("dd")).to_contain_text("4")
        expect(page.locator("#plot-title")).to_be_visible()
    someone.choose("Model")
    expect(page.get_by_role("rowheader", name=MODEL)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("day,model,requests,")
    assert lines[1].split(",")[1:3] == [MODEL, "4"]


def test_a_range_without_usage_says_so(someone):
    page = someone.open("/admin/usage?period=range&since=2001-01-01&until=2001-01-31", "Usage & costs")
    expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    page.get_by_label("From").fill("2001-02-01")
    page.get_by_label("To", exact=True).fill("2001-02-03")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**since=2001-02-01&until=2001-02-03")


def test_live_counts_what_goes_on_and_rests_when_nobody_looks(someone, house):
    page = someone.open("/admin/live", "Live")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    streams = page.locator("[data-value=streams]")
    expect(streams).to_have_text("0")
    expect(page.get_by_role("table", name="Workers").locator("tbody tr")).to_have_count(2)
    body = json.dumps({"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    with house.connect() as stream:
        stream.send(raw.request("POST", "/v1/chat/completions", {
            "Authorization": f"Bearer {keys.SECRET}", **steering(gate="live")}, body))
        assert stream.head().status == 200
        expect(streams).to_have_text("1")
        assert house.ask("GET", "/v1/models").status == 200
        expect(page.locator("[data-value=p50]")).to_contain_text("s")
    expect(streams).to_have_text("0")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
                  "document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Paused")).to_be_visible()
    del asked[:]
    page.evaluate("new Promise((done) => setTimeout(done, 2500))")  # more than two looks
    assert asked == []


def test_audit_tells_who_did_what_and_is_verified(someone, house):
    someone.open("/admin", "API keys")
    someone.create_key("audited")
    page = someone.open("/admin/audit", "Audit")
    first = page.get_by_role("table").locator("tbody tr").first
    expect(first).to_contain_text("key.create")
    expect(first).to_contain_text("127.0.0.1")
    expect(first).to_contain_text("session")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("The chain is whole")).to_be_visible()
    assert house.run("audit", "verify").returncode == 0


def test_documentation_has_this_hosts_own_address(someone, house):
    page = someone.open("/admin/about", "Documentation")
    expect(page.get_by_text(f"{house.base_url}/v1", exact=True)).to_be_visible()
    for name in ("Python", "Node", "curl", "Anthropic", "n8n"):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_role("tabpanel", name=name)).to_contain_text(house.base_url)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    rows = page.get_by_role("table", name="Models and prices").locator("tbody tr")
    assert rows.count() == len(admin.enter(house).get("models")["models"])
    expect(rows.filter(has_text=MODEL)).to_contain_text("€5.00")


def test_with_an_address_of_its_own_the_page_names_that_of_the_models(visit, start_house, pair):
    port = raw.free_port()
    house = start_house(tls=pair, LISTEN=f"https://127.0.0.1:{port}", ADMIN_LISTEN="https://127.0.0.1:0", **admin.SETTINGS)
    own = house.status()["admin_listen"][0].replace("127.0.0.1", "localhost")
    someone = visit(house, base_url=own)
    someone.enter()
    page = someone.open("/admin/about", "Documentation")
    expect(page.get_by_text(f"https://localhost:{port}/v1", exact=True)).to_be_visible()
