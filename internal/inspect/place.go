package inspect

import "ringfence.dev/ringfence/internal/a2a"

// textKinds are the kinds of texts by the names that rule files use.
var textKinds = func() map[string]a2a.Kind {
	byName := map[string]a2a.Kind{}
	for kind := a2a.KindFree; kind <= a2a.KindID; kind++ {
		byName[kind.String()] = kind
	}
	return byName
}()

// places is the set of places in which a rule looks: for each direction, one bit for each kind of text and whether it is
// the name of a member of an object.
type places [Card + 1]uint32

// The bits of a place: the direction is above the kind, and the lowest bit says that the text is a key.
const (
	placeKey       = 1
	placeKind      = 1
	placeDirection = 5
)

// place returns the number of the place of a text of a direction.
func place(d Direction, t *a2a.Text) uint8 {
	p := uint8(d&3)<<placeDirection | uint8(t.Kind&15)<<placeKind
	if t.Key {
		p |= placeKey
	}
	return p
}

// bit is that of a place in the sets of its direction.
func bit(place uint8) uint32 { return 1 << (place & (1<<placeDirection - 1)) }

// of reports whether the place is in the set.
func (s *places) of(place uint8) bool {
	return s[place>>placeDirection&3]&bit(place) != 0
}

// speaks reports whether the set has any place of the direction.
func (s *places) speaks(d Direction) bool { return s[d&3] != 0 }

// places checks in which directions and kinds of texts, and in keys or not, a rule looks.
func (b *book) places(d draft) places {
	sides, kinds := uint8(1<<DirectionUnknown), uint16(0)
	for _, t := range d.directions {
		side, ok := directions[t.text]
		if !ok {
			b.report(t.position, "direction %q is none of request, response, card", t.text)
		}
		sides |= 1 << side
	}
	if len(d.directions) == 0 {
		sides = 1<<DirectionUnknown | 1<<Request | 1<<Response | 1<<Card
	}
	for _, t := range d.kinds {
		kind, ok := textKinds[t.text]
		if !ok {
			b.report(t.position, "kind %q is none of %s", t.text, names(textKinds))
		}
		kinds |= 1 << kind
	}
	if len(d.kinds) == 0 {
		kinds = 1<<(a2a.KindID+1) - 1
	}
	return spread(sides, kinds, d.keys != "only", b.keys(d))
}

// keys checks whether a rule looks in keys.
func (b *book) keys(d draft) bool {
	switch d.keys {
	case "", "with", "only":
		return true
	case "without":
	default:
		b.report(d.position, "rule %q: keys %q is none of only, with, without", d.id, d.keys)
	}
	return false
}

func spread(sides uint8, kinds uint16, values, keys bool) places {
	var s places
	for side := DirectionUnknown; side <= Card; side++ {
		for kind := a2a.KindFree; kind <= a2a.KindID; kind++ {
			if sides>>side&1 == 0 || kinds>>kind&1 == 0 {
				continue
			}
			at := place(side, &a2a.Text{Kind: kind})
			if values {
				s[side] |= bit(at)
			}
			if keys {
				s[side] |= bit(at | placeKey)
			}
		}
	}
	return s
}
