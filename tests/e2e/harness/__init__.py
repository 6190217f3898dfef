"""What the end-to-end tests stand on.

poll        waiting with a deadline; the only place that sleeps
procfs      processes as the kernel sees them: children, states, memory
certs       self-signed P-256 certificates
keys        API keys and key files
raw         byte-exact HTTP/1.1 over a socket, plain or TLS
upstream    the stand-in as a process
gatehouse   the real program as a process, and what must hold after every test
admin       a client of the admin API
browser     the admin page in a real browser
sdk         clients of OpenAI's SDK for Python
node        scripts with the OpenAI SDK for Node
scripted    an upstream whose every byte the test itself writes
recorder    an upstream that keeps every byte, and has h11 read it
echo        an upstream whose answers prove which request they belong to
program     a program for UPSTREAM_COMMAND
chaos       clients that do everything that clients do, and know what must come back
streams     streams that a test holds
crew        threads that work in the background
load        requests in the background
keyed       requests in the background with a key each, and what their clients saw
kills       kill -9 at random
visitors    many clients over TLS, of all manners
errands     what they ask for, and what must come back
storm       all that befalls a gatehouse at random, and which failures it excuses
gauges      memory and descriptors over time
successors  generations that follow one another
rising      one that is held while it rises
tracer      a system call that a process would not make by itself
spent       what was used, as gatehouse says it and as it must be
accounts    whether what was counted is what clients saw
arrivals    random arrivals, and when each can have been let in
windows     the judge of a strict sliding window
prometheus  a real Prometheus
systemd     as much of systemd as gatehouse can see
"""
