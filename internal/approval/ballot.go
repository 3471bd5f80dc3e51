package approval

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ringfence.dev/ringfence/internal/agent"
	"ringfence.dev/ringfence/internal/base64url"
	"ringfence.dev/ringfence/internal/strictjson"
)

// Choice is what a person says. The zero value is neither.
type Choice string

// The choices.
const (
	Approve Choice = "approve"
	Deny    Choice = "deny"
)

// What a signed ballot is.
const (
	// MaxBallotLife is the longest time from a ballot's iat to its exp.
	MaxBallotLife = 5 * time.Minute

	ballotType = "ringfence-approval+jwt"
	maxBallot  = 4 << 10 // bytes
	ballotSkew = 10 * time.Second
	lastSecond = 253402300799 // 9999-12-31T23:59:59Z
)

// Statement is what a ballot says.
type Statement struct {
	// Approval is the id of the approval, Digest that of the call it is about.
	Approval, Digest string
	Choice           Choice
	// Reason is for people; it may be empty.
	Reason string
}

// check returns what is wrong with a statement.
func (s Statement) check() error {
	switch {
	case s.Choice != Approve && s.Choice != Deny:
		return errors.New("the decision must be approve or deny")
	case !isDigest(s.Digest):
		return errors.New("the digest must be that of the request, 43 characters of base64url")
	case len(s.Reason) > maxReason || !utf8.ValidString(s.Reason) || strings.ContainsFunc(s.Reason, unicode.IsControl):
		return fmt.Errorf("the reason must be at most %d bytes of text on one line", maxReason)
	}
	if _, ok := placeOf(s.Approval); !ok {
		return errors.New("the approval must be the id of one")
	}
	return nil
}

// Ballot is a statement that an approver is proved to have made. Only Signed and Vouched make one that counts.
type Ballot struct {
	Statement
	approver *Approver
	proof    string
}

// Approver returns who votes; empty for nobody.
func (b Ballot) Approver() string {
	if b.approver == nil {
		return ""
	}
	return b.approver.Name
}

// ballotHeader and ballotClaims are a ballot's, in the order they are written.
type ballotHeader struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
}

type ballotClaims struct {
	Approval string `json:"approval"`
	Digest   string `json:"digest"`
	Choice   Choice `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// Sign returns a statement as a ballot: a JWS in compact form (RFC 7515), signed with the key, good for MaxBallotLife.
func Sign(key ed25519.PrivateKey, s Statement, now time.Time) (string, error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", errors.New("signing ballot: there is no Ed25519 key to sign with")
	}
	if err := s.check(); err != nil {
		return "", fmt.Errorf("signing ballot: %w", err)
	}
	public := agent.NewKey(key.Public().(ed25519.PublicKey))
	header, err := json.Marshal(ballotHeader{"EdDSA", ballotType, public.DID})
	if err != nil {
		return "", fmt.Errorf("signing ballot: %w", err)
	}
	claims, err := json.Marshal(ballotClaims{
		Approval: s.Approval, Digest: s.Digest, Choice: s.Choice, Reason: s.Reason,
		Issued: now.Unix(), Expires: now.Add(MaxBallotLife).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("signing ballot: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(header) + "." + encode(claims)
	return signed + "." + encode(ed25519.Sign(key, []byte(signed))), nil
}

// unproven returns an ErrUnproven with a sentence that names members, never their values.
func unproven(sentence string) error { return fmt.Errorf("%w: %s", ErrUnproven, sentence) }

// Signed returns the ballot in a JWS at the moment now, or why it is none: an ErrUnproven. Every member that a ballot does
// not have is refused, and so is every second spelling of what a member holds.
func (a *Approvers) Signed(compact string, now time.Time) (Ballot, error) {
	header, rest, _ := strings.Cut(compact, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	made, ok := base64url.Decode(signature)
	if len(compact) > maxBallot || !ok || len(made) != ed25519.SignatureSize {
		return Ballot{}, unproven("the ballot is not a JWS in compact form with an Ed25519 signature")
	}
	by, err := a.signer(header)
	if err != nil {
		return Ballot{}, err
	}
	key, err := agent.ParseKeyDID(by.Key)
	if err != nil || !ed25519.Verify(key.Public, []byte(header+"."+claims), made) {
		return Ballot{}, unproven("the signature of the ballot is not one of its key")
	}
	s, err := readClaims(claims, now)
	if err != nil {
		return Ballot{}, err
	}
	return Ballot{Statement: s, approver: by, proof: compact}, nil
}

// signer returns the approver whose key a ballot's header names.
func (a *Approvers) signer(header string) (*Approver, error) {
	members, ok := object(header)
	if !ok {
		return nil, unproven("the header of the ballot is not one JSON object in base64url")
	}
	var alg, typ, kid string
	for _, m := range members {
		text, isText := m.Value.Text()
		switch {
		case m.Name == "alg" && isText:
			alg = text
		case m.Name == "typ" && isText:
			typ = text
		case m.Name == "kid" && isText:
			kid = text
		default:
			return nil, unproven("the header of the ballot has a member that ballots do not have")
		}
	}
	switch {
	case alg != "EdDSA" && alg != "Ed25519":
		return nil, unproven("the alg of the ballot must be EdDSA or Ed25519")
	case typ != ballotType:
		return nil, unproven("the typ of the ballot must be " + ballotType)
	}
	did, fragment, named := strings.Cut(kid, "#")
	if a == nil || did == "" || a.keys[did] == nil || named && agent.KeyMethod+fragment != did {
		return nil, unproven("the kid of the ballot is not the did:key of an approver")
	}
	return a.keys[did], nil
}

func object(text string) ([]strictjson.Member, bool) {
	data, ok := base64url.Decode(text)
	if !ok {
		return nil, false
	}
	value, err := strictjson.Parse(data)
	return value.Members(), err == nil && value.Kind() == strictjson.Object && len(value) == len(data)
}

// readClaims reads what a ballot says. Its signature was verified before.
func readClaims(text string, now time.Time) (Statement, error) {
	members, ok := object(text)
	if !ok {
		return Statement{}, unproven("the claims of the ballot are not one JSON object in base64url")
	}
	var s Statement
	var choice string
	var issued, expires int
	texts := map[string]*string{"approval": &s.Approval, "digest": &s.Digest, "decision": &choice, "reason": &s.Reason}
	times := map[string]*int{"iat": &issued, "exp": &expires}
	for _, m := range members {
		if to := texts[m.Name]; to != nil {
			*to, ok = m.Value.Text()
		} else if to := times[m.Name]; to != nil {
			*to, ok = m.Value.Int()
		} else if m.Name == "jti" {
			_, ok = m.Value.Text()
		} else {
			ok = false
		}
		if !ok {
			return Statement{}, unproven("the ballot has a claim that ballots do not have, or one of another type")
		}
	}
	s.Choice = Choice(choice)
	if err := s.check(); err != nil {
		return Statement{}, unproven(err.Error())
	}
	return s, current(issued, expires, now)
}

// current checks a ballot's window against the clock.
func current(issued, expires int, now time.Time) error {
	life := int(MaxBallotLife / time.Second)
	switch {
	case issued <= 0 || expires > lastSecond || expires <= issued || expires-issued > life:
		return unproven("the ballot must have iat and exp in whole seconds, at most 5 minutes apart")
	case time.Unix(int64(issued), 0).After(now.Add(ballotSkew)):
		return unproven("the iat of the ballot is in the future; check the clock where it was signed")
	case !now.Before(time.Unix(int64(expires), 0)):
		return unproven("the ballot has expired; sign it again")
	}
	return nil
}

// Vouched returns the ballot of the approver whom a verified token is about. The token binds nothing of the statement: who
// has the token can vote with it as long as it lives.
func (a *Approvers) Vouched(subject agent.Subject, s Statement) (Ballot, error) {
	if err := s.check(); err != nil {
		return Ballot{}, unproven(err.Error())
	}
	if !a.Reader(subject) {
		return Ballot{}, unproven("the token is about nobody who is an approver")
	}
	return Ballot{Statement: s, approver: a.tokens[subject], proof: subject.Issuer + " " + subject.Name}, nil
}
