package swarm

// AnnouncesPerPage is for the tests, which visit the whole site.
const AnnouncesPerPage = announcesPerPage
