package catalog

import (
	"context"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Kind is what a term describes.
type Kind string

// The kinds of terms. A KindField term names a form field that only the
// categories linked to it have, such as "seqhash".
const (
	KindPlatform Kind = "platform"
	KindFormat   Kind = "format"
	KindArchive  Kind = "archive"
	KindScope    Kind = "scope"
	KindLicense  Kind = "licence"
	KindField    Kind = "field"
)

// Category is one of the kinds of data a site takes.
type Category struct {
	ID          int64
	Slug        string // stands in feed addresses
	Name        string
	Description string
}

// Term is one word of a vocabulary.
type Term struct {
	ID         int64
	Kind       Kind
	Family     string
	Name       string
	Detail     string   // such as the SPDX id of a licence
	Extensions []string // lower case, without the first dot; formats and archives
}

// Family is a named part of a vocabulary, as a form groups it.
type Family struct {
	Name  string
	Terms []Term
}

// Vocabulary holds the terms that a category offers, in display order.
type Vocabulary struct {
	Category  Category
	Platforms []Family
	Formats   []Family
	Archives  []Family
	Scopes    []Family
	Licenses  []Family
	Fields    []string // the extra form fields of the category
}

// Families returns the terms of a kind.
func (v Vocabulary) Families(k Kind) []Family {
	switch k {
	case KindPlatform:
		return v.Platforms
	case KindFormat:
		return v.Formats
	case KindArchive:
		return v.Archives
	case KindScope:
		return v.Scopes
	case KindLicense:
		return v.Licenses
	}
	return nil
}

// Has reports whether name is a term of the kind.
func (v Vocabulary) Has(k Kind, name string) bool {
	return slices.ContainsFunc(v.Families(k), func(f Family) bool {
		return slices.ContainsFunc(f.Terms, func(t Term) bool { return t.Name == name })
	})
}

// HasField reports whether the category has an extra form field.
func (v Vocabulary) HasField(name string) bool { return slices.Contains(v.Fields, name) }

// Categories lists all categories by id.
func (s *Store) Categories(ctx context.Context) ([]Category, error) {
	return db.All(ctx, s.db, scanCategory, "SELECT id, slug, name, description FROM category ORDER BY id LIMIT 200")
}

func scanCategory(sc db.Scanner) (Category, error) {
	var c Category
	err := sc.Scan(&c.ID, &c.Slug, &c.Name, &c.Description)
	return c, err
}

// Vocabulary returns what a category offers: the terms linked to it, and those that
// are linked to no category and so belong to all.
func (s *Store) Vocabulary(ctx context.Context, category int64) (Vocabulary, error) {
	return vocabulary(ctx, s.db, category)
}

func vocabulary(ctx context.Context, q db.Queryer, category int64) (Vocabulary, error) {
	var v Vocabulary
	c, ok, err := db.One(ctx, q, scanCategory, "SELECT id, slug, name, description FROM category WHERE id = ?", category)
	if err != nil {
		return v, fmt.Errorf("read category %d: %w", category, err)
	}
	if !ok {
		return v, core.FieldErrorf(FieldCategory, "choose a category")
	}
	v.Category = c
	terms, err := readTerms(ctx, q, `WHERE EXISTS (SELECT 1 FROM category_term c WHERE c.term_id = t.id AND c.category_id = ?)
		OR NOT EXISTS (SELECT 1 FROM category_term c WHERE c.term_id = t.id)`, category)
	if err != nil {
		return v, err
	}
	v.Platforms, v.Formats, v.Archives = families(terms, KindPlatform), families(terms, KindFormat), families(terms, KindArchive)
	v.Scopes, v.Licenses = families(terms, KindScope), families(terms, KindLicense)
	for _, t := range terms {
		if t.Kind == KindField {
			v.Fields = append(v.Fields, t.Name)
		}
	}
	return v, nil
}

// AllTerms returns the terms of a kind in all categories, for search forms.
func (s *Store) AllTerms(ctx context.Context, k Kind) ([]Family, error) {
	terms, err := readTerms(ctx, s.db, "WHERE t.kind = ?", string(k))
	return families(terms, k), err
}

func families(terms []Term, k Kind) []Family {
	var out []Family
	for _, t := range terms {
		if t.Kind != k {
			continue
		}
		i := slices.IndexFunc(out, func(f Family) bool { return f.Name == t.Family })
		if i < 0 {
			i = len(out)
			out = append(out, Family{Name: t.Family})
		}
		out[i].Terms = append(out[i].Terms, t)
	}
	return out
}

func readTerms(ctx context.Context, q db.Queryer, where string, args ...any) ([]Term, error) {
	const most = 5000
	terms, err := db.All(ctx, q, func(sc db.Scanner) (Term, error) {
		var t Term
		err := sc.Scan(&t.ID, &t.Kind, &t.Family, &t.Name, &t.Detail)
		return t, err
	}, "SELECT t.id, t.kind, t.family, t.name, t.detail FROM term t "+where+" ORDER BY t.position, t.id LIMIT ?", append(args, most)...)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	byID := make(map[int64]int, len(terms))
	for i, t := range terms {
		byID[t.ID] = i
	}
	type ext struct {
		term int64
		name string
	}
	exts, err := db.All(ctx, q, func(sc db.Scanner) (ext, error) {
		var e ext
		err := sc.Scan(&e.term, &e.name)
		return e, err
	}, "SELECT term_id, extension FROM term_extension ORDER BY term_id, extension LIMIT ?", 4*most)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	for _, e := range exts {
		if i, ok := byID[e.term]; ok {
			terms[i].Extensions = append(terms[i].Extensions, e.name)
		}
	}
	return terms, nil
}

//go:embed vocabulary/*.toml
var vocabularyFiles embed.FS

// seedCategory and seedFamily are the shape of the data files.
type seedCategory struct {
	ID          int64    `toml:"id"`
	Slug        string   `toml:"slug"`
	Name        string   `toml:"name"`
	Description string   `toml:"description"`
	Platforms   []string `toml:"platforms"` // names of families
	Formats     []string `toml:"formats"`
	Scopes      []string `toml:"scopes"`
	Fields      []string `toml:"fields"`
}

type seedFamily struct {
	Name  string `toml:"name"`
	Terms []struct {
		Name       string   `toml:"name"`
		Detail     string   `toml:"detail"`
		Extensions []string `toml:"extensions"`
	} `toml:"term"`
}

type seedData struct {
	Categories []seedCategory
	Families   map[Kind][]seedFamily
}

// loadSeed reads the embedded files. They are part of the program, so any fault
// in them is found by the tests.
func loadSeed() (seedData, error) {
	data := seedData{Families: map[Kind][]seedFamily{}}
	decode := func(file string, into any) error {
		md, err := toml.DecodeFS(vocabularyFiles, "vocabulary/"+file, into)
		if err == nil && len(md.Undecoded()) > 0 {
			err = fmt.Errorf("unknown key %s", md.Undecoded()[0])
		}
		if err != nil {
			return fmt.Errorf("vocabulary %s: %w", file, err)
		}
		return nil
	}
	var cats struct {
		Category []seedCategory `toml:"category"`
	}
	if err := decode("categories.toml", &cats); err != nil {
		return data, err
	}
	data.Categories = cats.Category
	for kind, file := range map[Kind]string{
		KindPlatform: "platforms.toml", KindFormat: "formats.toml", KindArchive: "archives.toml",
		KindScope: "scopes.toml", KindLicense: "licences.toml",
	} {
		var f struct {
			Family []seedFamily `toml:"family"`
		}
		if err := decode(file, &f); err != nil {
			return data, err
		}
		data.Families[kind] = f.Family
	}
	return data, nil
}

// Seed loads the vocabularies of the first release when there are no categories yet.
// After that, staff maintain them.
func (s *Store) Seed(ctx context.Context) error {
	data, err := loadSeed()
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "vocabularies"); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM category").Scan(&n); err != nil || n > 0 {
			return err
		}
		return seed(ctx, tx, data)
	})
}

func seed(ctx context.Context, tx *db.Tx, data seedData) error {
	for _, c := range data.Categories {
		_, err := tx.Insert(ctx, "category", db.Row{"id", c.ID, "slug", c.Slug, "name", c.Name,
			"description", strings.Join(strings.Fields(c.Description), " ")})
		if err != nil {
			return err
		}
	}
	var terms, extensions, links [][]any
	add := func(kind Kind, family, name, detail string, categories []int64, exts []string) {
		id := len(terms) + 1 // the table is empty; the position is the id
		terms = append(terms, []any{id, string(kind), family, name, detail, id})
		for _, c := range categories {
			links = append(links, []any{c, id})
		}
		for _, e := range exts {
			extensions = append(extensions, []any{id, e})
		}
	}
	for _, kind := range []Kind{KindPlatform, KindFormat, KindArchive, KindScope, KindLicense} {
		for _, f := range data.Families[kind] {
			for _, t := range f.Terms {
				add(kind, f.Name, t.Name, t.Detail, categoriesOf(data, kind, f.Name), t.Extensions)
			}
		}
	}
	users := fieldUsers(data)
	for _, name := range slices.Sorted(maps.Keys(users)) {
		add(KindField, "", name, "", users[name], nil)
	}
	for _, part := range []struct {
		spec db.UpsertSpec
		rows [][]any
	}{
		{db.UpsertSpec{Table: "term", Key: []string{"id"}, Set: []string{"kind", "family", "name", "detail", "position"}}, terms},
		{db.UpsertSpec{Table: "term_extension", Key: []string{"term_id", "extension"}}, extensions},
		{db.UpsertSpec{Table: "category_term", Key: []string{"category_id", "term_id"}}, links},
	} {
		if err := tx.Upsert(ctx, part.spec, part.rows...); err != nil {
			return err
		}
	}
	return nil
}

// fieldUsers returns which categories have which extra form fields.
func fieldUsers(data seedData) map[string][]int64 {
	users := map[string][]int64{}
	for _, c := range data.Categories {
		for _, name := range c.Fields {
			users[name] = append(users[name], c.ID)
		}
	}
	return users
}

// categoriesOf returns which categories offer a family. None means all of them,
// which is right for licences and archives.
func categoriesOf(data seedData, kind Kind, family string) []int64 {
	var out []int64
	for _, c := range data.Categories {
		offered := map[Kind][]string{KindPlatform: c.Platforms, KindFormat: c.Formats, KindScope: c.Scopes}[kind]
		if slices.Contains(offered, family) {
			out = append(out, c.ID)
		}
	}
	return out
}
