-- A claim is taken again only by an equal binding that is not empty. `held` is what its key says, false if nothing.
local function isTaken(held, binding)
  return held and (held == '' or held ~= binding)
end

-- Taking it again never lets it be forgotten sooner.
local function take(key, held, binding, ttl)
  if held then
    redis.call('PEXPIRE', key, ttl, 'GT')
  else
    redis.call('SET', key, binding, 'PX', ttl)
  end
end
