package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

const prefix = "CADUCEUS_"

// isReserved reports whether a variable with the same prefix is not configuration:
// the name of the file, and what tests are told.
func isReserved(name string) bool {
	return name == prefix+"CONFIG" || strings.HasPrefix(name, prefix+"TEST_")
}

// Variable is the environment variable that sets a key of a section.
func Variable(section, key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(section, "_", "__")+"_"+key)
}

// Kubernetes tells each container of the services beside it in variables that begin with
// their names, as links of Docker did: a service "caduceus", or "caduceus-site", makes such
// as CADUCEUS_SITE_SERVICE_HOST and CADUCEUS_PORT_80_TCP, and CADUCEUS_SITE_PORT with an
// address in it.
var (
	ofService     = regexp.MustCompile(`_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	ofServicePort = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func isOfService(name, value string) bool {
	return ofService.MatchString(name) || strings.HasSuffix(name, "_PORT") && ofServicePort.MatchString(value)
}

// overlay applies the variables that name a key. Others with the same prefix may belong to
// anybody, so they are not read, but the result warns of those that may be meant for us.
func overlay(environ []string, root reflect.Value) (warnings []string, err error) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || isReserved(name) || isOfService(name, value) {
			continue
		}
		section, key, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(name[len(prefix):]), "__", "\x00"), "_")
		key = strings.ReplaceAll(key, "\x00", "_")
		field, ok := find(root, section)
		if ok {
			field, ok = find(field, key)
		}
		if !ok {
			warnings = append(warnings, unread(name, root))
			continue
		}
		if err := set(field, value); err != nil {
			return nil, &Error{Key: name, Text: err.Error()}
		}
	}
	return warnings, nil
}

// unread says that a variable is not read, and which may be meant. Its value may be a
// secret.
func unread(name string, root reflect.Value) string {
	name = text.Cut(text.Clean(name), maxVariable)
	said := "the environment variable " + name + " names no key and is not read"
	for i := range root.NumField() {
		section, fields := tag(root.Type().Field(i)), root.Field(i)
		if section == "" || fields.Kind() != reflect.Struct {
			continue
		}
		for j := range fields.NumField() {
			if key := tag(fields.Type().Field(j)); key != "" && text.Near(name, Variable(section, key)) {
				return said + "; did you mean " + Variable(section, key) + "?"
			}
		}
	}
	return said + "; docs/configuration.md lists those that are"
}

// maxVariable is how much of a variable's name is shown, in bytes.
const maxVariable = 100

// tag is the name of a section or a key in the file, "" for what is not in it.
func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return strings.TrimPrefix(name, "-")
}

func find(v reflect.Value, name string) (reflect.Value, bool) {
	if v.Kind() != reflect.Struct {
		return v, false
	}
	for i := range v.NumField() {
		if name != "" && tag(v.Type().Field(i)) == name {
			return v.Field(i), true
		}
	}
	return v, false
}

func set(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		v.SetInt(n)
	case reflect.Slice:
		parts := strings.Split(text, ",")
		out := reflect.MakeSlice(v.Type(), len(parts), len(parts))
		for i, p := range parts {
			if err := set(out.Index(i), strings.TrimSpace(p)); err != nil {
				return err
			}
		}
		v.Set(out)
	default:
		return fmt.Errorf("this key can only be set in the file")
	}
	return nil
}
