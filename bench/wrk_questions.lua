-- wrk -t1 -s wrk_questions.lua URL -- FILE FIRST: a line of FILE is the body of a POST, in turn from
-- line FIRST (0 is the first). One thread, or each would begin with the same line.
local requests, at = {}, 0

function init(args)
    wrk.headers["Content-Type"] = "application/json"
    for line in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, nil, line)
    end
    at = tonumber(args[2] or 0)
end

function request()
    at = at + 1
    return requests[(at - 1) % #requests + 1]
end
