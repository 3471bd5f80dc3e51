// Command confusables writes the table of look-alikes that texts are folded by. It reads confusables.txt of the Unicode
// security mechanisms (https://www.unicode.org/Public/security/) and keeps what a rule can be evaded with: characters
// that are read as one ASCII character.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/format"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: confusables CONFUSABLES.TXT OUTPUT.GO")

func run(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	in, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("opening the data: %w", err)
	}
	defer in.Close()
	out, err := generate(in)
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[1], out, 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// generate returns the Go file for the data.
func generate(in io.Reader) ([]byte, error) {
	small, capital := map[byte][]rune{}, map[byte][]rune{}
	version := "unknown"
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimPrefix(lines.Text(), "\uFEFF")
		if v, ok := strings.CutPrefix(line, "# Version: "); ok {
			version = strings.TrimSpace(v)
		}
		source, latin, ok, err := entry(line)
		switch {
		case err != nil:
			return nil, err
		case !ok:
		case unicode.IsUpper(source):
			capital[latin] = append(capital[latin], source)
		default:
			small[latin] = append(small[latin], source)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the data: %w", err)
	}
	return source(version, small, capital)
}

// entry reads one line: the character, the ASCII character in lower case that it is read as, and whether the table is
// to hold it.
func entry(line string) (source rune, latin byte, ok bool, err error) {
	data, comment, _ := strings.Cut(line, "#")
	fields := strings.Split(data, ";")
	if len(fields) < 3 {
		return 0, 0, false, nil
	}
	from, err := runes(fields[0])
	if err != nil {
		return 0, 0, false, err
	}
	to, err := runes(fields[1])
	if err != nil || len(from) != 1 {
		return 0, 0, false, err
	}
	source = from[0]
	latin, ok = ascii(to)
	if !ok || !wanted(source, latin) {
		return 0, 0, false, nil
	}
	// The data does not tell I and l apart; case and names do.
	if latin == 'l' && slices.Contains(to, 'l') && (unicode.IsUpper(source) || namedI(comment)) {
		latin = 'i'
	}
	return source, latin, true, nil
}

func runes(field string) ([]rune, error) {
	var all []rune
	for code := range strings.FieldsSeq(field) {
		r, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			return nil, fmt.Errorf("reading a code point: %w", err)
		}
		all = append(all, rune(r))
	}
	return all, nil
}

// ascii returns the one printable ASCII character, in lower case, that is left of s without marks.
func ascii(s []rune) (byte, bool) {
	var left []rune
	for _, r := range norm.NFKD.String(string(s)) {
		if !unicode.Is(unicode.M, r) {
			left = append(left, unicode.ToLower(r))
		}
	}
	if len(left) != 1 || left[0] <= ' ' || left[0] > '~' {
		return 0, false
	}
	return byte(left[0]), true
}

// namedI reports whether the comment's first name is that of a letter I.
func namedI(comment string) bool {
	_, names, _ := strings.Cut(comment, ") ")
	name, _, _ := strings.Cut(names, " → ")
	return strings.HasSuffix(name, " I") || strings.Contains(name, "IOTA") || strings.Contains(name, " I ")
}

// living are the scripts of today whose letters are no disguise of Latin ones but what ordinary texts are written with.
// Greek, Cyrillic and Armenian are not among them: their letters are what words are disguised with, and hardly a word
// written in one of them alone is an English one.
var living = []*unicode.RangeTable{
	unicode.Arabic, unicode.Bengali, unicode.Bopomofo, unicode.Devanagari, unicode.Ethiopic, unicode.Georgian, unicode.Gujarati,
	unicode.Gurmukhi, unicode.Han, unicode.Hangul, unicode.Hebrew, unicode.Hiragana, unicode.Kannada, unicode.Katakana, unicode.Khmer,
	unicode.Lao, unicode.Malayalam, unicode.Mongolian, unicode.Myanmar, unicode.Oriya, unicode.Sinhala, unicode.Syriac,
	unicode.Tamil, unicode.Telugu, unicode.Thaana, unicode.Thai, unicode.Tibetan, unicode.Yi,
}

// wanted reports whether the table is to fold source. It leaves out what compatibility decomposition folds, marks,
// decimal digits, which stand for their values, and letters that would become anything but letters: a word of another
// language must not fall apart.
func wanted(source rune, latin byte) bool {
	switch {
	case source < utf8.RuneSelf, unicode.In(source, unicode.M, unicode.Nd, unicode.Z, unicode.C):
		return false
	case unicode.In(source, living...):
		return false
	case unicode.IsLetter(source) && !unicode.Is(unicode.Lm, source) && !unicode.IsLetter(rune(latin)):
		return false
	}
	_, folded := ascii([]rune{source})
	return !folded
}

// source writes the tables in the order of the ASCII characters.
func source(version string, small, capital map[byte][]rune) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// Code generated by internal/confusables from confusables.txt, Unicode %s; DO NOT EDIT.

// The data is © Unicode, Inc., used under the Unicode License (https://www.unicode.org/license.txt).

package inspect
`, version)
	table := func(name, doc string, rows map[byte][]rune) {
		fmt.Fprintf(&b, "\n// %s %s\nvar %s = map[byte]string{\n", name, doc, name)
		for _, latin := range slices.Sorted(maps.Keys(rows)) {
			slices.Sort(rows[latin])
			fmt.Fprintf(&b, "\t%q: %s,\n", latin, strconv.QuoteToASCII(string(rows[latin])))
		}
		b.WriteString("}\n")
	}
	table("confusables", "pairs each ASCII character with the characters, but capitals, that are read as it.", small)
	table("confusableCapitals", "pairs letters with the capitals of other scripts that are read as their capital.", capital)
	out, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("formatting the table: %w", err)
	}
	return out, nil
}
