// Package config reads the one TOML file into the structs that the rooms
// declare. Unknown keys are errors; every mistake names file, line and key.
//
// The environment overrides the file, and of it only the names of keys are read, since
// others may belong to anybody: CADUCEUS_SITE_NAME sets name of [site],
// CADUCEUS_TRACKER_ANNOUNCE_INTERVAL sets announce_interval of [tracker]. The first
// underscore separates section and key; in the name of a section, write two
// underscores for one.
//
// Concurrency: functions only; values are passed down and not changed later.
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Error is a mistake in the configuration.
type Error struct {
	File string // "" for the environment or a default
	Line int    // 0 when no line can be named
	Key  string // such as "site.name"
	Text string
}

// Error names file, line and key.
func (e *Error) Error() string {
	var where string
	switch {
	case e.File != "" && e.Line > 0:
		where = fmt.Sprintf("%s, line %d: ", e.File, e.Line)
	case e.File != "":
		where = e.File + ": "
	}
	if e.Key != "" {
		where += e.Key + ": "
	}
	return where + e.Text
}

// Validator is a section that checks itself. A *core.Error with Field set names
// the key within the section.
type Validator interface{ Validate() error }

// Load fills into, a pointer to a struct of sections that already holds the
// defaults, from the file (none when path is empty) and the environment
// (os.Environ form). Call Check when the sections are complete.
func Load(path string, environ []string, into any) (*Source, error) {
	src := &Source{file: path}
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, &Error{File: path, Text: "can't be read: " + err.Error()}
		}
		src.text = string(raw)
		md, err := toml.Decode(src.text, into)
		if err != nil {
			return nil, src.parseError(err)
		}
		if extra := md.Undecoded(); len(extra) > 0 {
			key := extra[0].String()
			return nil, src.at(key, "there is no such key")
		}
	}
	var err error
	src.Warnings, err = overlay(environ, reflect.ValueOf(into).Elem())
	return src, err
}

// Source remembers where the values came from.
type Source struct {
	// Warnings are about what was found and not read, each a sentence without a full stop.
	Warnings []string

	file, text string
}

// Check validates every section of into, in order.
func (s *Source) Check(into any) error {
	v := reflect.ValueOf(into).Elem()
	for i := range v.NumField() {
		section := v.Type().Field(i).Tag.Get("toml")
		check, ok := v.Field(i).Interface().(Validator)
		if !ok {
			continue
		}
		if err := check.Validate(); err != nil {
			key := section
			if f := core.FieldOf(err); f != "" {
				key += "." + f
			}
			var e *core.Error
			text := err.Error()
			if errors.As(err, &e) {
				text = e.Text
			}
			return s.at(key, text)
		}
	}
	return nil
}

func (s *Source) at(key, text string) error {
	return &Error{File: s.file, Line: s.line(key), Key: key, Text: text}
}

func (s *Source) parseError(err error) error {
	var pe toml.ParseError
	if errors.As(err, &pe) {
		return &Error{File: s.file, Line: pe.Position.Line, Key: pe.LastKey, Text: pe.Message}
	}
	if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1]) // the pattern has let through digits only
		return &Error{File: s.file, Line: line, Key: m[2], Text: m[3]}
	}
	return &Error{File: s.file, Text: strings.TrimPrefix(err.Error(), "toml: ")}
}

// typeError reads what the decoder says of a value of the wrong type, which it gives
// as text only.
var typeError = regexp.MustCompile(`^toml: line ([0-9]{1,9}) \(last key "([^"]*)"\): (.*)$`)

// line finds the line where a dotted key is set, or where its table begins. The
// decoder does not tell, so this searches the text. It errs only for keys inside
// multi-line strings.
func (s *Source) line(key string) int {
	table, best := "", 0
	for i, raw := range strings.Split(s.text, "\n") {
		text := strings.TrimSpace(raw)
		if strings.HasPrefix(text, "[") {
			table = strings.Trim(strings.SplitN(text, "#", 2)[0], "[] \t")
			if table == key || strings.HasPrefix(key, table+".") {
				best = i + 1
			}
			continue
		}
		name, _, ok := strings.Cut(text, "=")
		if !ok {
			continue
		}
		full := strings.Trim(strings.TrimSpace(name), `"'`)
		if table != "" {
			full = table + "." + full
		}
		if full == key || strings.HasPrefix(key, full+".") {
			return i + 1
		}
	}
	return best
}
