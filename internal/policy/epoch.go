package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
)

// digest identifies what a document decides.
type digest [sha256.Size]byte

// digestOf returns the digest of all of a document that decides: not of its description, its tests, or where and how it
// was written. The order of what is a list of alternatives does not count; that of rules does.
func digestOf(d *Document) digest {
	h := hasher{sha256.New()}
	h.text(d.Name)
	h.number(int64(d.Party), int64(d.Mode))
	h.list(d.Subjects.Agents)
	h.list(d.Subjects.Owners)
	numbers(h, d.Subjects.Rings)
	numbers(h, d.Subjects.Assurance)
	h.targets(&d.Targets)
	h.number(int64(len(d.Rules)))
	for i := range d.Rules {
		h.rule(&d.Rules[i])
	}
	return digest(h.Sum(nil))
}

// epochOf identifies a set by its members' digests, 16 bytes of them in hexadecimal digits.
func epochOf(digests []digest) string {
	sorted := slices.Clone(digests)
	slices.SortFunc(sorted, func(a, b digest) int { return slices.Compare(a[:], b[:]) })
	h := sha256.New()
	for i := range sorted {
		h.Write(sorted[i][:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// hasher writes values so that no two sequences of them are the same bytes: each text with its length.
type hasher struct{ hash.Hash }

func (h hasher) number(values ...int64) {
	var b [8]byte
	for _, v := range values {
		binary.BigEndian.PutUint64(b[:], uint64(v))
		h.Write(b[:])
	}
}

func (h hasher) text(s string) {
	h.number(int64(len(s)))
	h.Write([]byte(s))
}

func (h hasher) truth(b bool) {
	if b {
		h.number(1)
		return
	}
	h.number(0)
}

// list writes a list whose order says nothing.
func (h hasher) list(values []string) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	h.number(int64(len(sorted)))
	for _, s := range sorted {
		h.text(s)
	}
}

func numbers[T ~uint8](h hasher, values []T) {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	h.number(int64(len(sorted)))
	for _, v := range sorted {
		h.number(int64(v))
	}
}

func (h hasher) targets(t *Targets) {
	h.list(t.Agents)
	h.list(t.Owners)
	methods := make([]string, 0, len(t.Methods))
	for _, m := range t.Methods {
		methods = append(methods, string(m))
	}
	h.list(methods)
	numbers(h, t.Effects)
	h.list(t.Skills)
	h.list(t.Actions)
	h.truth(t.Undeclared)
}

func (h hasher) rule(r *Rule) {
	h.number(int64(r.Kind))
	h.targets(&r.Narrow)
	h.text(r.Message)
	h.number(int64(r.Limit), int64(r.Per), int64(r.Burst), int64(r.By), int64(r.Minimum))
	h.list(r.Groups)
	h.number(int64(r.Timeout), int64(r.Bytes), int64(r.Time), int64(r.Assurance), int64(r.Trust), int64(r.Ring))
	h.list(r.Classes)
	h.number(int64(r.Severity))
	h.truth(r.Approve)
	h.truth(r.Requests)
	h.truth(r.Answers)
	h.text(r.Text)
}
