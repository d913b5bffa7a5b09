package site

// What tests of the whole site need to know of its inside.
const (
	DrainTime    = drainTime
	PerPage      = perPage
	FilesShown   = filesShown
	FilesPerPage = filesPerPage
)
