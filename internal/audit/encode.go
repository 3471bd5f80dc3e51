package audit

import (
	"encoding/json"
	"strconv"
)

// AppendJSON appends the record as encoding/json writes it, byte for byte, which costs a fraction: records are written for
// every request. An error says that its times cannot be written; what it returns then holds part of the record.
func (r *Record) AppendJSON(dst []byte) ([]byte, error) {
	dst = appendText(append(dst, `{"id":`...), r.ID)
	dst = appendWord(dst, `,"phase":`, r.Phase)
	dst = append(dst, `,"time":"`...)
	var err error
	if dst, err = r.Time.AppendText(dst); err != nil {
		return dst, err
	}
	dst = strconv.AppendUint(append(dst, `","revision":`...), r.Revision, 10)
	dst = appendWord(dst, `,"caller":`, string(r.Caller))
	dst = appendWord(dst, `,"did":`, r.DID)
	dst = appendText(append(dst, `,"assurance":`...), r.Assurance)
	dst = append(append(dst, `,"ring":`...), r.Ring.String()...)
	dst = strconv.AppendInt(append(dst, `,"trust":`...), int64(r.Trust), 10)
	if r.Authority != nil {
		if dst, err = r.Authority.appendJSON(append(dst, `,"authority":`...)); err != nil {
			return dst, err
		}
	}
	dst = appendWord(dst, `,"callee":`, string(r.Callee))
	dst = appendWord(dst, `,"method":`, r.Method)
	dst = appendWord(dst, `,"binding":`, r.Binding)
	dst = appendWord(dst, `,"effect":`, r.Effect)
	dst = appendWord(dst, `,"skill":`, r.Skill)
	if r.Call != nil {
		dst = r.Call.appendJSON(append(dst, `,"call":`...))
	}
	dst = appendWord(dst, `,"policyEpoch":`, r.Epoch)
	if dst, err = appendRest(dst, `,"shadows":`, r.Shadows); err != nil {
		return dst, err
	}
	dst = appendWord(dst, `,"approval":`, r.Approval)
	dst = appendText(append(dst, `,"decision":`...), r.Decision)
	dst = appendWord(dst, `,"factor":`, r.Factor)
	dst = appendWord(dst, `,"party":`, r.Party)
	dst = appendWord(dst, `,"reason":`, r.Reason)
	dst = appendWords(dst, `,"evidence":`, r.Evidence)
	if dst, err = appendRest(dst, `,"findings":`, r.Findings); err != nil {
		return dst, err
	}
	dst = strconv.AppendInt(append(dst, `,"tookMicros":`...), r.Micros, 10)
	return append(dst, '}'), nil
}

func (a *Authority) appendJSON(dst []byte) ([]byte, error) {
	dst = appendText(append(dst, `{"descent":`...), a.Descent)
	dst = appendWords(dst, `,"chain":`, a.Chain)
	if a.Unchained {
		dst = append(dst, `,"unchained":true`...)
	}
	dst = appendWord(dst, `,"gate":`, a.Gate)
	if a.Until != nil {
		var err error
		if dst, err = a.Until.AppendText(append(dst, `,"until":"`...)); err != nil {
			return dst, err
		}
		dst = append(dst, '"')
	}
	dst = strconv.AppendInt(append(dst, `,"depth":`...), int64(a.Depth), 10)
	dst = appendText(append(dst, `,"witness":{"ring":`...), a.Witness.Ring)
	dst = appendText(append(dst, `,"trust":`...), a.Witness.Trust)
	dst = appendText(append(dst, `,"scope":`...), a.Witness.Scope)
	dst = appendWord(dst, `,"until":`, a.Witness.Until)
	dst = appendText(append(dst, `,"depth":`...), a.Witness.Depth)
	return append(dst, `}}`...), nil
}

func (c *PolicyCall) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	begun := len(dst)
	dst = appendWord(dst, `,"callerOwner":`, string(c.CallerOwner))
	dst = appendWord(dst, `,"calleeOwner":`, string(c.CalleeOwner))
	dst = appendWord(dst, `,"origin":`, string(c.Origin))
	if c.Hops != 0 {
		dst = strconv.AppendInt(append(dst, `,"hops":`...), int64(c.Hops), 10)
	}
	dst = appendWord(dst, `,"action":`, c.Action)
	if c.Bytes != 0 {
		dst = strconv.AppendInt(append(dst, `,"bytes":`...), int64(c.Bytes), 10)
	}
	if len(dst) > begun {
		dst = append(dst[:begun], dst[begun+1:]...) // every member may be the first
	}
	return append(dst, '}')
}

// appendWord appends a member that is left out when it is empty. Its name comes with the comma before it.
func appendWord(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendText(append(dst, name...), value)
}

func appendWords[T ~string](dst []byte, name string, values []T) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(append(dst, name...), '[')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, string(value))
	}
	return append(dst, ']')
}

// appendRest appends what few records have.
func appendRest[T any](dst []byte, name string, values []T) ([]byte, error) {
	if len(values) == 0 {
		return dst, nil
	}
	text, err := json.Marshal(values)
	return append(append(dst, name...), text...), err
}

// appendText appends a string. What encoding/json escapes or repairs, it does itself.
func appendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil {
				return append(dst, `""`...) // no string has an error
			}
			return append(dst, text...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
