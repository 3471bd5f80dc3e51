package inspect

// The kinds of bytes that the survey tells apart.
const (
	kindOther  uint8 = iota
	kindLetter       // A-Z a-z
	kindDigit
	kindCode // / - _ = : letters of base64 beyond letters and digits
	kindPlus
	kindPercent
)

// kinds is the kind of each byte.
var kinds = func() (k [256]uint8) {
	for b := range k {
		switch c := byte(b); {
		case letter(c):
			k[b] = kindLetter
		case digit(c):
			k[b] = kindDigit
		case c == '+':
			k[b] = kindPlus
		case c == '/' || c == '-' || c == '_' || c == '=':
			k[b] = kindCode
		case c == '%':
			k[b] = kindPercent
		}
	}
	return k
}()

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// word reports whether c is part of a word. Bytes of other scripts are; the underscore is not, so that the words
// of a name in snake case count one by one.
func word(c byte) bool { return wordBytes[c] }

var wordBytes = func() (w [256]bool) {
	for b := range w {
		w[b] = letter(byte(b)) || digit(byte(b)) || b >= 0x80
	}
	return w
}()

// The shortest runs that are worth another view.
const (
	minEncoded = 12 // bytes of base64 or hex
	minSpaced  = 5  // single letters in a row
	minRun     = 18 // letters without a break
	minPercent = 1  // percent signs
	minPlus    = 2  // plus signs, which stand for spaces in a query
)

// survey says which further views a text deserves.
type survey struct {
	encoded bool // a run of letters that base64 and hex are written in
	compact bool // letters set apart, or a very long word
	percent bool // percent escapes, or words with plus signs between
}

// surveyOf looks at each byte once. It may say yes where a closer look finds nothing, never the other way.
func surveyOf(b []byte) survey {
	var s survey
	var run, letters, singles, percents, pluses int
	for _, c := range b {
		switch kinds[c] {
		case kindLetter:
			run++
			letters++
			continue
		case kindDigit, kindCode:
			run++
		case kindPlus:
			run++
			pluses++
		case kindPercent:
			percents++
			run = s.close(run)
		default:
			run = s.close(run)
		}
		switch letters {
		case 0:
		case 1:
			singles++
			if singles >= minSpaced {
				s.compact = true
			}
		default:
			singles = 0
			if letters >= minRun {
				s.compact = true
			}
		}
		letters = 0
	}
	s.close(run)
	s.percent = percents >= minPercent || pluses >= minPlus
	s.compact = s.compact || letters >= minRun || letters == 1 && singles+1 >= minSpaced
	return s
}

func (s *survey) close(run int) int {
	if run >= minEncoded {
		s.encoded = true
	}
	return 0
}
