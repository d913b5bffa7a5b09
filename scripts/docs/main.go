// Command docs writes docs/configuration.md: every key of the configuration with its
// type, its default, its environment variable, and the comment of its field.
//
// Concurrency: one goroutine.
package main

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/house"
	"github.com/caduceus-bio/caduceus/internal/config"
)

const page = "docs/configuration.md"

func main() {
	text, err := configuration(".")
	if err == nil {
		err = os.WriteFile(page, []byte(text), 0o644)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

const intro = `# Configuration

<!-- Written by "make docs" from the comments in the code: change them, not this page. -->

One TOML file, named with ` + "`--config`" + ` or in ` + "`CADUCEUS_CONFIG`" + `; without either it is
` + "`caduceus.toml`" + ` in the current folder, if there is one. What the file leaves out has the
default that stands here. A key that does not exist is an error, and ` + "`caduceus check-config`" + `
names the line of each mistake. [deploy/caduceus.toml](../deploy/caduceus.toml) is a
worked example.

An environment variable overrides the file. Others that begin with CADUCEUS_ are not read,
and one that may be a slip is logged. A list is written there with commas between
its parts. A duration is a number with a unit, such as ` + "`30s`, `15m` or `24h`" + `.
`

// configuration returns the page for the module whose source lies in root.
func configuration(root string) (string, error) {
	var b strings.Builder
	b.WriteString(intro)
	defaults := reflect.ValueOf(house.DefaultSettings())
	for i := range defaults.NumField() {
		name := key(defaults.Type().Field(i))
		if name == "" {
			continue
		}
		c, err := readComments(root, defaults.Field(i).Type())
		if err != nil {
			return "", fmt.Errorf("[%s]: %w", name, err)
		}
		if err := writeSection(&b, name, defaults.Field(i), c); err != nil {
			return "", fmt.Errorf("[%s]: %w", name, err)
		}
	}
	return b.String(), nil
}

func writeSection(b *strings.Builder, section string, v reflect.Value, c comments) error {
	fmt.Fprintf(b, "\n## [%s]\n", section)
	if c.section != "" {
		fmt.Fprintf(b, "\n%s\n", c.section)
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := key(f)
		if name == "" {
			continue
		}
		text := c.fields[f.Name]
		if text == "" {
			return fmt.Errorf("%s has no comment: say in the code what it is", name)
		}
		kind, value, err := describe(v.Field(i))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(b, "\n### %s.%s\n\n%s, default `%s` (`%s`)\n\n%s\n", section, name, kind, value, config.Variable(section, name), text)
	}
	return nil
}

// key is the name of a field in the file, or "" for one that is not read from it.
func key(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return strings.TrimPrefix(name, "-")
}

// describe words the type of a key, and writes its default as it would stand in the
// file.
func describe(v reflect.Value) (kind, value string, err error) {
	switch x := v.Interface().(type) {
	case config.Duration:
		return "duration", strconv.Quote(short(x.Duration)), nil
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return "text", strconv.Quote(string(text)), err
	}
	switch v.Kind() {
	case reflect.String:
		return "text", strconv.Quote(v.String()), nil
	case reflect.Bool:
		return "true or false", strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return "whole number", strconv.FormatInt(v.Int(), 10), nil
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			if _, parts[i], err = describe(v.Index(i)); err != nil {
				return "", "", err
			}
		}
		if v.Type().Elem().Kind() != reflect.String {
			return "", "", fmt.Errorf("no words for a list of %s", v.Type().Elem())
		}
		return "list of texts", "[" + strings.Join(parts, ", ") + "]", nil
	default:
		return "", "", fmt.Errorf("no words for the type %s", v.Type())
	}
}

// short is d without the units that are zero: 24h, not 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
