-- wrk's part in the benchmarks: POSTs a small chat request, with the next key each time,
-- and prints a line of JSON at the end.
local secrets = {}
for line in io.lines(os.getenv("BENCH_SECRETS")) do
	secrets[#secrets + 1] = line
end
local body = io.open(os.getenv("BENCH_BODY")):read("*a")
local path = os.getenv("BENCH_PATH")
local n = 0

function request()
	n = n + 1
	return wrk.format("POST", path, {
		["Host"] = "localhost",
		["Content-Type"] = "application/json",
		["Authorization"] = "Bearer " .. secrets[n % #secrets + 1],
	}, body)
end

function done(summary)
	local e = summary.errors
	io.write(string.format('{"requests": %d, "errors": %d, "seconds": %.6f}\n', summary.requests,
		e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6))
end
