"""What the end-to-end tests stand on.

poll       waiting with a deadline; the only place that sleeps
procfs     processes as the kernel sees them: children, states, memory
certs      self-signed P-256 certificates
keys       API keys and key files
raw        byte-exact HTTP/1.1 over a socket, plain or TLS
upstream   the stand-in as a process
gatehouse  the real program as a process, and what must hold after every test
scripted   an upstream whose every byte the test itself writes
recorder   an upstream that keeps every byte, and has h11 read it
echo       an upstream whose answers prove which request they belong to
chaos      clients that do everything that clients do, and know what must come back
load       requests in the background
node       scripts with the OpenAI SDK for Node
"""
