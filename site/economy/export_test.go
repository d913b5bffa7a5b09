package economy

// FreeleechAnswer is for the tests, which visit the whole site.
type FreeleechAnswer = freeleechAnswer
