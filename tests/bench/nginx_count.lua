-- Metering in nginx, when the answer is over: the last usage counts under key and model.
local tail = ngx.ctx.tail
if tail == nil then
	return
end
local model = string.match(tail, '"model":"([^"]*)"') or "other"
local usage = string.match(tail, '.*"usage":(%b{})')
local name = ngx.var.key_id .. "|" .. model
local counts = ngx.shared.usage
counts:incr(name .. "|requests", 1, 0)
if usage ~= nil then
	for _, field in ipairs({ "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens" }) do
		local n = string.match(usage, '"' .. field .. '":(%d+)')
		if n ~= nil then
			counts:incr(name .. "|" .. field, tonumber(n), 0)
		end
	end
end
