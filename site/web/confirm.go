package web

import "github.com/caduceus-bio/caduceus/site/web/part"

// confirmView is the page on which every act that can't be taken back, or that touches
// much, is confirmed.
var confirmView = NewView[part.Confirm]("confirm")

// Confirm asks the visitor whether to go ahead, and has done nothing yet.
func Confirm(v *Visit, c part.Confirm) error { return confirmView.OK(v, c) }
