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
	err := fields(data, func(is key, logs []byte, _ uint64) error {
		if is != (key{2, protowire.BytesType}) { // http_logs
			return nil
		}
		return fields(logs, func(is key, entry []byte, _ uint64) error {
			if is != (key{1, protowire.BytesType}) { // log_entry
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
	return fields(entry, func(is key, data []byte, _ uint64) error {
		switch is {
		case key{1, protowire.BytesType}: // common_properties
			return fields(data, e.common)
		case key{4, protowire.BytesType}: // response
			return fields(data, e.response)
		}
		return nil
	})
}

func (e *Ended) common(is key, data []byte, bits uint64) error {
	switch is {
	case key{17, protowire.BytesType}: // metadata
		left := member{outer: MetadataNamespace, inner: PassageKey}
		if err := left.metadata(data); err != nil {
			return err
		}
		e.Passage = string(left.text)
	case key{33, protowire.VarintType}: // access_log_type
		e.Kind = int(bits)
	}
	return nil
}

func (e *Ended) response(is key, data []byte, _ uint64) error {
	switch is {
	case key{1, protowire.BytesType}: // response_code
		return fields(data, func(is key, _ []byte, bits uint64) error {
			if is == (key{1, protowire.VarintType}) {
				e.Status = int(uint32(bits))
			}
			return nil
		})
	case key{6, protowire.BytesType}: // response_code_details
		e.Source = string(data)
	}
	return nil
}

// key is the number of a field and how it is written. One that is written in another way is another field.
type key struct {
	number protowire.Number
	kind   protowire.Type
}

// fields takes the fields of a message, whatever they are: those with a length as bytes, integers as bits.
func fields(data []byte, take func(is key, data []byte, bits uint64) error) error {
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
		if err := take(key{number, kind}, value, bits); err != nil {
			return err
		}
	}
	return nil
}
