"""The stand-in's parts. Each file stands on those above it in this list:

steer     the one table of what a request may choose (x-standin-* headers)
multipart form fields of an audio upload
usage     token and seconds counts, a pure function of the request
answers   bodies and events of every endpoint, in privatemode-proxy's shapes
faults    malformed heads and bodies, byte for byte
record    the log: one JSON object a line
gates     named gates that hold events back until a test lets them pass
wire      HTTP/1.1 on one connection: reading, writing, noticing that the peer left
outlet    one answer on its way out: framing, pacing, cutting
server    connections and requests
control   the out-of-band HTTP interface for tests
main      command line
"""
