package inspect

import "bytes"

// verifier decides whether a match is what it looks like. It sees the view and the matched range and is pure.
type verifier struct {
	holds func(b []byte, at span) bool
	// price is what one run costs at most, in units of fuel, and cost says it where the length of the view tells.
	price int
	cost  func(b []byte) int
	// gate says at a low price whether a run is worth it.
	gate func(b []byte, at span) bool
	// weigh says at the price priceWeigh what a run costs at most for this match, where that differs much, or what the answer
	// has cost that none is worth it.
	weigh func(b []byte, at span) (price int, worth bool)
	// first, where there is one, answers for most matches at the price that weigh says, and holds is asked where it leaves the
	// answer open.
	first func(b []byte, at span) answer
	// whole says where what was found lies, if that is not the match: it goes on behind the match, or is what a name stands
	// in front of. It is asked only where holds says yes.
	whole func(b []byte, at span) span
	// value says that it judges the value that a text is, rather than words in it.
	value bool
}

// answer is what a verifier says that may not be sure.
type answer uint8

const (
	answerNo answer = iota
	answerYes
	answerOpen
)

var verifiers = map[string]verifier{
	"sqli":          {holds: furtherSQL, value: true, price: 120, gate: gateSQL, weigh: weighSQL, first: firstSQL},
	"sqli-value":    {holds: verifySQLValue, value: true, cost: costSQLValue, gate: gateSQLValue},
	"command":       {holds: verifyCommand, value: true, price: 12, gate: gateCommand},
	"command-value": {holds: verifyCommandValue, value: true, price: 12},
	"script":        {holds: verifyScript, value: true, price: 24, gate: gateProse},
	"climb":         {holds: verifyClimb, value: true, price: 14, gate: gateClimb},
	"bare":          {holds: verifyBare, value: true, price: 1},
	"issued":        {holds: verifyIssued, price: 2, whole: wholeToken},
	"checksum":      {holds: verifyChecksum, price: 1, whole: wholeToken},
	"entropy":       {holds: verifyEntropy, price: 2},
	"credential":    {holds: verifyCredential, cost: costCredential, gate: gateSetting, whole: wholeCredential},
	"key-value":     {holds: verifyKey, cost: costCredential, gate: gateSetting, whole: wholeCredential},
	"generated":     {holds: verifyGenerated, cost: costCredential, whole: wholeCredential},
	"passphrase":    {holds: verifyPassphrase, price: 4, whole: wholePassphrase},
	"jwt":           {holds: verifyJWT, price: 8, whole: wholeJWT},
	"key-block":     {holds: verifyKeyBlock, price: 2, whole: wholeKeyBlock},
	"basic":         {holds: verifyBasic, price: 2, whole: wholeScheme},
	"bearer":        {holds: verifyBearer, price: 2, whole: wholeScheme},
	"user-info":     {holds: verifyUserInfo, price: 1, whole: wholeUserInfo},
	"user-option":   {holds: verifyUserOption, price: 2, whole: wholeUserOption},
	"iban":          {holds: verifyIBAN, price: 1},
	"luhn":          {holds: verifyCard, price: 2},
	"loaded":        {holds: verifyLoaded, price: 3, whole: wholeLoaded},
	"linked":        {holds: verifyLinked, price: 3, whole: wholeLinked},
	"collector":     {holds: verifyCollector, price: 2, whole: wholeCollector},
	"first":         {holds: verifyFirst, price: 1},
	"alone":         {holds: verifyAlone, price: 1},
	"disguise":      {holds: verifyDisguisedHost, price: 1},
	"inner-host":    {holds: verifyInnerHost, price: 1},
	"metadata":      {holds: verifyMetadata, price: 1},
	"device":        {holds: verifyDevice, price: 1},
	"last":          {holds: verifyLastEnding, price: 1},
}

// What it costs to decide on a value that may be a secret, in units of fuel: one, and one for each secretShare bytes, of which no
// more are looked at than priceSecret pays for.
const (
	priceSecret = 4
	secretShare = 24
)

// costCredential says what it costs at most to decide on a credential.
func costCredential(b []byte) int { return min(priceSecret, 1+len(b)/secretShare) }

// maxBare is the longest text that can be one argument.
const maxBare = 160

// verifyBare holds if the text is an argument rather than prose: short and with at most one space.
func verifyBare(b []byte, _ span) bool {
	b = bytes.TrimSpace(b)
	return len(b) <= maxBare && bytes.Count(b, []byte(" ")) <= 1 && bytes.IndexByte(b, '\n') < 0
}
