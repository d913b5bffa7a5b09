package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
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

// overlay applies the variables that name a key. A variable that names no key is an
// error, like an unknown key in the file.
func overlay(environ []string, root reflect.Value) error {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || isReserved(name) {
			continue
		}
		section, key, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(name[len(prefix):]), "__", "\x00"), "_")
		key = strings.ReplaceAll(key, "\x00", "_")
		field, ok := find(root, section)
		if ok {
			field, ok = find(field, key)
		}
		if !ok {
			return &Error{Key: name, Text: "this environment variable names no key; see the documentation for how they are formed"}
		}
		if err := set(field, value); err != nil {
			return &Error{Key: name, Text: err.Error()}
		}
	}
	return nil
}

func find(v reflect.Value, name string) (reflect.Value, bool) {
	if v.Kind() != reflect.Struct {
		return v, false
	}
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("toml"), ","); tag == name && name != "" {
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
