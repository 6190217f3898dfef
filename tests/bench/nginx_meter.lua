-- Metering in nginx, while the answer passes: keeps the end of what has come, in which
-- the last usage stands, whole even if it was split.
local chunk = ngx.arg[1]
if chunk ~= nil and chunk ~= "" then
	local ctx = ngx.ctx
	if #chunk < 1024 and ctx.tail ~= nil then
		chunk = string.sub(ctx.tail .. chunk, -2048)
	end
	ctx.tail = chunk
end
