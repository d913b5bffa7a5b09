package command

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Type says what an argument is, for those who draw a form or write help.
type Type string

// The types, and the Go types that stand for them in a struct of arguments. A
// pointer to one is an optional argument.
const (
	TypeWord     Type = "word"     // string: one word, or several in quotes
	TypeText     Type = "text"     // Text: all words to the end of the line
	TypeID       Type = "id"       // ID: a positive number
	TypeDuration Type = "duration" // time.Duration: such as 24h, 3d or 2w
	TypeChoice   Type = "choice"   // a string type with the method Choices() []string
	TypeMember   Type = "member"   // member.Member: an account, by name
	TypeClass    Type = "class"    // member.Class: a primary class, by name
	TypeTorrent  Type = "torrent"  // catalog.Torrent: a torrent that is there, by id
	TypeChannel  Type = "channel"  // ChannelName: an IRC channel
	TypeDocument Type = "document" // Document: a text of many lines, which only a form can hold
)

// Text is an argument that runs to the end of the line.
type Text string

// Document is a text of many lines. A command with one is given by a form of its own
// (Spec.Form) and never as a line; the audit log keeps its length alone.
type Document string

// ID is the number of something that is no torrent.
type ID int64

// ChannelName is the name of an IRC channel, which need not exist.
type ChannelName string

// chooser is an argument that is one of a few words.
type chooser interface{ Choices() []string }

// Arg is one argument of a command. It is made from a field of the command's struct
// with a tag such as `arg:"name,below"`: the name in lower case, and then any of
//
//	flag        given by name, "--class NAME", anywhere before a text
//	optional    may be left out (pointers always may)
//	other=PERM  needs the permission when the member is somebody else than the
//	            actor, or the torrent somebody else's
//	below       wants a member, or a class, below the actor's own
//	max=N       holds up to N bytes in a form
//	secret      its value is kept out of the audit log
//	long        a form gives it several lines
//
// Fields without the tag are no arguments. A second tag, hint, is shown in forms.
type Arg struct {
	Name     string
	Hint     string
	Type     Type
	Optional bool
	Flag     bool
	Choices  []string
	Other    core.Permission
	Below    bool
	Redact   bool
	Max      int // bytes that a form lets people write; 0: as usual
	Long     bool

	field int
}

// longestChoice is how long the choices of an argument may be, in bytes, to be listed in
// help. Forms list them all, and so does the error of a wrong one.
const longestChoice = 120

// usage is how an argument is written in help.
func (a Arg) usage() string {
	text := strings.ToUpper(a.Name)
	if choices := strings.Join(a.Choices, "|"); a.Type == TypeChoice && len(choices) <= longestChoice {
		text = choices
	}
	if a.Flag {
		text = "--" + a.Name + " " + text
	}
	if a.Optional {
		text = "[" + text + "]"
	}
	return text
}

// argsOf reads the arguments off a struct: those by position in the order of its
// fields, with the flags among them.
func argsOf(t reflect.Type) ([]Arg, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("its arguments are a %s and no struct", t)
	}
	var out []Arg
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("arg")
		if !ok {
			continue
		}
		a, err := argOf(f, tag)
		if err != nil {
			return nil, err
		}
		a.field = i
		if slices.ContainsFunc(out, func(b Arg) bool { return b.Name == a.Name }) {
			return nil, fmt.Errorf("it has two arguments %q", a.Name)
		}
		out = append(out, a)
	}
	return out, inOrder(out)
}

// inOrder makes sure that words can be told apart: a text comes last, and nothing
// that must be given comes after what need not.
func inOrder(args []Arg) error {
	optional, text := false, false
	for _, a := range args {
		if text {
			return fmt.Errorf("its argument %q comes after a text, which runs to the end", a.Name)
		}
		if a.Flag {
			continue
		}
		if optional && !a.Optional {
			return fmt.Errorf("its argument %q comes after an optional one", a.Name)
		}
		text, optional = a.Type == TypeText || a.Type == TypeDocument, a.Optional
	}
	return nil
}

func argOf(f reflect.StructField, tag string) (Arg, error) {
	name, rest, _ := strings.Cut(tag, ",")
	a := Arg{Name: name, Hint: f.Tag.Get("hint"), Optional: f.Type.Kind() == reflect.Pointer}
	if !f.IsExported() || name == "" || name != strings.ToLower(name) {
		return a, fmt.Errorf("its argument %s must be exported and have a name in lower case", f.Name)
	}
	var err error
	if a.Type, a.Choices, err = typeOf(bare(f.Type)); err != nil {
		return a, fmt.Errorf("its argument %q: %w", name, err)
	}
	for word := range strings.SplitSeq(rest, ",") {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "":
		case "flag":
			a.Flag = true
		case "optional":
			a.Optional = true
		case "below":
			a.Below = true
		case "secret":
			a.Redact = true
		case "max":
			if a.Max, err = strconv.Atoi(value); err != nil {
				return a, fmt.Errorf("its argument %q: %w", name, err)
			}
		case "long":
			a.Long = true
		case "other":
			a.Other = core.Permission(value)
			if !core.ValidPermission(a.Other) {
				return a, fmt.Errorf("its argument %q asks for a permission %q that there is not", name, value)
			}
		default:
			return a, fmt.Errorf("its argument %q has an option %q that there is not", name, word)
		}
	}
	return a, nil
}

// bare is the type that a pointer points to, or else the type itself.
func bare(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func typeOf(t reflect.Type) (Type, []string, error) {
	if c, ok := reflect.Zero(t).Interface().(chooser); ok && t.Kind() == reflect.String {
		return TypeChoice, c.Choices(), nil
	}
	switch t {
	case reflect.TypeFor[string]():
		return TypeWord, nil, nil
	case reflect.TypeFor[Text]():
		return TypeText, nil, nil
	case reflect.TypeFor[Document]():
		return TypeDocument, nil, nil
	case reflect.TypeFor[ID]():
		return TypeID, nil, nil
	case reflect.TypeFor[ChannelName]():
		return TypeChannel, nil, nil
	case reflect.TypeFor[time.Duration]():
		return TypeDuration, nil, nil
	case reflect.TypeFor[member.Member]():
		return TypeMember, nil, nil
	case reflect.TypeFor[member.Class]():
		return TypeClass, nil, nil
	case reflect.TypeFor[catalog.Torrent]():
		return TypeTorrent, nil, nil
	}
	return "", nil, fmt.Errorf("%s is no type of argument", t)
}

// OnOff is an argument that switches something.
type OnOff string

// Choices are the words for it.
func (OnOff) Choices() []string { return []string{"on", "off"} }

// On reports whether it says on.
func (o OnOff) On() bool { return o == "on" }

// Switch is the word for a state.
func Switch(on bool) OnOff {
	if on {
		return "on"
	}
	return "off"
}
