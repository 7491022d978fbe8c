-- wrk's side of Benchmarks/compare: requests over many keys, made once, and a line of JSON at the end.
-- Arguments: method, path, body (or "-"), number of keys, the key to begin with (or "-": drawn by chance), how many keys
-- a thread has at most (all), then header lines. A body "@5" is five bytes. "%d" becomes a key's number, and "%s" its name's base64 form.
local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local requests, count, threads, following = {}, 0, 0, nil

local function base64(text)
    local out = {}
    for i = 1, #text, 3 do
        local a, b, c = text:byte(i, i + 2)
        local n = a * 65536 + (b or 0) * 256 + (c or 0)
        for k = 3, 0, -1 do
            local digit = math.floor(n / 64 ^ k) % 64
            local is_padding = (k == 1 and not b) or (k == 0 and not c)
            out[#out + 1] = is_padding and "=" or digits:sub(digit + 1, digit + 1)
        end
    end
    return table.concat(out)
end

local function fill(text, key)
    text = text:gsub("%%d", key)
    return (text:gsub("%%s", base64("k" .. key)))
end

function setup(thread)
    threads = threads + 1
    thread:set("seed", threads * 7919)
end

function init(arguments)
    local headers = {}
    for i = 7, #arguments do
        local name, value = arguments[i]:match("^([^:]+): (.*)$")
        headers[name] = value
    end
    count = tonumber(arguments[4])
    following = tonumber(arguments[5])
    math.randomseed(seed)
    -- Of very many keys each thread takes some by chance, for requests are made once and kept.
    local all = count
    if not following then count = math.min(count, tonumber(arguments[6]) or count) end
    local size = arguments[3]:match("^@(%d+)$")
    local large = size and string.rep("v", tonumber(size))
    for place = 0, count - 1 do
        local key = count < all and math.random(0, all - 1) or place
        local body = large or arguments[3] ~= "-" and fill(arguments[3], key) or nil
        requests[place] = wrk.format(arguments[1], fill(arguments[2], key), headers, body)
    end
end

function request()
    if not following then return requests[math.random(0, count - 1)] end
    following = following + 1
    return requests[(following - 1) % count]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"refused":%d,"broken":%d,"late":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
        errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end
