package envoywire

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Ended is what Ringfence reads of an entry of Envoy's access log: that a call is over.
type Ended struct {
	// Passage is what ext_authz left for the call, Source where its answer comes from, as in Message.
	Passage, Source string
	// Status is the HTTP status of the answer; 0 when there was none.
	Status int
	// Kind is envoy.data.accesslog.v3.AccessLogType: why the entry was written.
	Kind int
}

// Ended reads the entries of the StreamAccessLogsMessage that was received, and frees the frame. Of what it does not need,
// which is most of them, it makes no more sure than where that ends: nothing is decided by an access log.
func (f *Frame) Ended() ([]Ended, error) {
	defer f.Free()
	data, _ := f.contents()
	var all []Ended
	err := fields(data, func(number protowire.Number, logs []byte, _ uint64) error {
		if number != 2 { // http_logs
			return nil
		}
		return fields(logs, func(number protowire.Number, entry []byte, _ uint64) error {
			if number != 1 { // log_entry
				return nil
			}
			all = append(all, Ended{})
			return all[len(all)-1].read(entry)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading access log: %w", err)
	}
	return all, nil
}

func (e *Ended) read(entry []byte) error {
	return fields(entry, func(number protowire.Number, data []byte, _ uint64) error {
		switch number {
		case 1: // common_properties
			return fields(data, e.common)
		case 4: // response
			return fields(data, e.response)
		}
		return nil
	})
}

func (e *Ended) common(number protowire.Number, data []byte, bits uint64) error {
	switch number {
	case 17: // metadata
		left := member{outer: MetadataNamespace, inner: PassageKey}
		if err := left.metadata(data); err != nil {
			return err
		}
		e.Passage = string(left.text)
	case 33: // access_log_type
		e.Kind = int(bits)
	}
	return nil
}

func (e *Ended) response(number protowire.Number, data []byte, _ uint64) error {
	switch number {
	case 1: // response_code
		return fields(data, func(number protowire.Number, _ []byte, bits uint64) error {
			if number == 1 {
				e.Status = int(uint32(bits))
			}
			return nil
		})
	case 6: // response_code_details
		e.Source = string(data)
	}
	return nil
}

// fields takes the fields of a message, whatever they are: those with a length as bytes, integers as bits.
func fields(data []byte, take func(number protowire.Number, data []byte, bits uint64) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errCut
		}
		data = data[n:]
		var value []byte
		var bits uint64
		switch kind {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return errCut
		}
		data = data[n:]
		if err := take(number, value, bits); err != nil {
			return err
		}
	}
	return nil
}
