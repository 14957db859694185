-- A claim is taken again only by an equal binding that is not empty. `held` is what its key says, false if nothing.
local function isTaken(held, binding)
  return held and (held == '' or held ~= binding)
end
