package command

import (
	"encoding/base64"
	"maps"
	"slices"
)

// pendingUse keeps apart what is sealed of acts that wait.
const pendingUse = "pending act"

// asksWithSecret reports whether a command waits for a confirmation with a secret argument,
// which is sealed meanwhile.
func (c *command) asksWithSecret() bool {
	return c.Confirms && slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Redact })
}

// sealed are the arguments of an order as the table of what waits may have them: secret
// ones are sealed.
func (r *Registry) sealed(o *order) map[string]string {
	if !o.c.asksWithSecret() {
		return o.given
	}
	out := maps.Clone(o.given)
	for _, a := range o.c.Args {
		if v, ok := out[a.Name]; ok && a.Redact {
			out[a.Name] = base64.RawURLEncoding.EncodeToString(r.deps.Keys.Seal([]byte(v), pendingUse))
		}
	}
	return out
}

// unseal opens the arguments of an order that comes from that table.
func (r *Registry) unseal(o *order) error {
	if !o.c.asksWithSecret() {
		return nil
	}
	for _, a := range o.c.Args {
		v, ok := o.given[a.Name]
		if !ok || !a.Redact {
			continue
		}
		box, err := base64.RawURLEncoding.DecodeString(v)
		if err != nil {
			return err
		}
		plain, err := r.deps.Keys.Open(box, pendingUse)
		if err != nil {
			return err
		}
		o.given[a.Name] = string(plain)
	}
	return nil
}
