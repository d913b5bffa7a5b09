package site

// DrainTime is for the tests, which run the room from outside.
const DrainTime = drainTime
