package inspect

import (
	"bytes"
)

// verifier decides whether a match is what it looks like. It sees the view and the matched range and is pure.
type verifier struct {
	holds func(b []byte, at span) bool
	// price is what one run costs at most, in units of fuel.
	price int
	// gate says at a low price whether a run is worth it.
	gate func(b []byte, at span) bool
}

var verifiers = map[string]verifier{
	"sqli":          {verifySQL, 40, gateSQL},
	"sqli-value":    {verifySQLValue, 24, gateSQLValue},
	"command":       {holds: verifyCommand, price: 24, gate: gateCommand},
	"command-value": {holds: verifyCommandValue, price: 24},
	"channel":       {holds: verifyChannel, price: 12},
	"script":        {holds: verifyScript, price: 24, gate: gateSQLValue},
	"token":         {holds: verifyToken, price: 4},
	"entropy":       {holds: verifyEntropy, price: 4},
	"assigned":      {holds: verifyAssigned, price: 4, gate: gateAssigned},
	"jwt":           {holds: verifyJWT, price: 4},
	"iban":          {holds: verifyIBAN, price: 4},
	"luhn":          {holds: verifyCard, price: 2},
	"climb":         {holds: verifyClimb, price: 12, gate: gateClimb},
	"bare":          {holds: verifyBare, price: 1},
	"password":      {holds: verifyPassword, price: 4},
}

// maxBare is the longest text that can be one argument.
const maxBare = 160

// verifyBare holds if the text is an argument rather than prose: short and with at most one space.
func verifyBare(b []byte, _ span) bool {
	b = bytes.TrimSpace(b)
	return len(b) <= maxBare && bytes.Count(b, []byte(" ")) <= 1 && bytes.IndexByte(b, '\n') < 0
}
