package inspect

import (
	"regexp"
	"sync/atomic"
)

// pattern is an expression of a verifier, asked behind its sieve. It is compiled when it is asked first, or with all
// others by Load, so that a process which inspects nothing does not wait for it.
type pattern struct {
	expression string
	compiled   atomic.Pointer[compiledPattern]
}

type compiledPattern struct {
	exact *regexp.Regexp
	sieve *sieve
}

// patterns are those of all verifiers.
var patterns []*pattern

// newPattern returns the pattern of an expression, which has to be valid.
func newPattern(expression string) *pattern {
	p := &pattern{expression: expression}
	patterns = append(patterns, p)
	return p
}

// compilePatterns compiles all patterns, so that no message waits for one.
func compilePatterns() {
	for _, p := range patterns {
		p.get()
	}
}

// get returns the pattern compiled. That two goroutines may compile it does no harm.
func (p *pattern) get() *compiledPattern {
	if c := p.compiled.Load(); c != nil {
		return c
	}
	c := &compiledPattern{regexp.MustCompile(p.expression), newSieve(p.expression)}
	p.compiled.Store(c)
	return c
}

// Match reports whether the expression matches anywhere in b.
func (p *pattern) Match(b []byte) bool {
	c := p.get()
	return c.sieve.may(b, -1) && c.exact.Match(b)
}

// MatchString is Match for a string.
func (p *pattern) MatchString(s string) bool {
	c := p.get()
	return c.sieve.may([]byte(s), -1) && c.exact.MatchString(s)
}

// FindAllIndex is that of the expression.
func (p *pattern) FindAllIndex(b []byte, n int) [][]int {
	c := p.get()
	if !c.sieve.may(b, -1) {
		return nil
	}
	return c.exact.FindAllIndex(b, n)
}

// ReplaceAll is that of the expression, but returns b itself where there is nothing to replace.
func (p *pattern) ReplaceAll(b, replacement []byte) []byte {
	c := p.get()
	if !c.sieve.may(b, -1) {
		return b
	}
	return c.exact.ReplaceAll(b, replacement)
}

// FindIndex is that of the expression.
func (p *pattern) FindIndex(b []byte) []int {
	c := p.get()
	if !c.sieve.may(b, -1) {
		return nil
	}
	return c.exact.FindIndex(b)
}
