package catalog

// What the tests, which visit the whole site, need to know.
const (
	PerPage      = perPage
	FilesPerPage = filesPerPage
)
