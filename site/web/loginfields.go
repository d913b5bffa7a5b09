package web

// LoginFields is the form that logs in, as the part "login_fields" draws it.
type LoginFields struct {
	Name string
	Next string // where it leads to
	Text string // why the last try failed
	Mend string // what can be done about that, where trying again is of no use
}
