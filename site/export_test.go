package site

// What tests of the whole site need to know of its inside.
type (
	APIUploadAnswer  = apiUploadAnswer
	APITorrentAnswer = apiTorrentAnswer
	APIGroupAnswer   = apiGroupAnswer
	APIMeAnswer      = apiMeAnswer
	APIBrowseAnswer  = apiBrowseAnswer
)

const (
	DrainTime    = drainTime
	PerPage      = perPage
	FilesShown   = filesShown
	FilesPerPage = filesPerPage
)
