package audit

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// hostile are strings that encoding/json escapes or repairs, among such as it does not.
var hostile = []string{
	"", "d-0", "caller ledger", "\x7f", `"`, `\`, "<script>&amp;</script>", "\n\t\r\b\f\x00\x1f", "Grüße", "\u2028\u2029", "\xff\xfe", "a\xc3", "😀", "\ufffd",
}

// fill sets everything in a value, half of it to its zero value. What a record gets one day is filled too.
func fill(t *testing.T, random *rand.Rand, v reflect.Value) {
	t.Helper()
	if random.IntN(2) == 0 {
		v.SetZero()
		return
	}
	if at, ok := v.Addr().Interface().(*time.Time); ok {
		*at = time.Unix(random.Int64N(1<<33), random.Int64N(2)*random.Int64N(1e9)).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, random, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, random, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), random.IntN(3), 3))
		for i := range v.Len() {
			fill(t, random, v.Index(i))
		}
	case reflect.String:
		v.SetString(hostile[random.IntN(len(hostile))] + hostile[random.IntN(len(hostile))])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(random.Int64() - random.Int64())
	case reflect.Uint8:
		v.SetUint(uint64(random.IntN(5)))
	case reflect.Uint64:
		v.SetUint(random.Uint64())
	default:
		t.Fatalf("a record has a field of kind %s: fill it, and have AppendJSON write it", v.Kind())
	}
}

// Law: a record is written as encoding/json writes it.
func TestAppendJSONIsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var r Record
		fill(t, random, reflect.ValueOf(&r).Elem())
		sameJSON(t, &r)
	}
}

func sameJSON(t *testing.T, r *Record) {
	t.Helper()
	want, wantErr := json.Marshal(r)
	got, err := r.AppendJSON([]byte("before "))
	switch {
	case (err == nil) != (wantErr == nil):
		t.Fatalf("%+v: error %v, that of the library is %v", r, err, wantErr)
	case err == nil && string(got) != "before "+string(want):
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestAppendJSONOfATimeThatHasNoText(t *testing.T) {
	t.Parallel()
	late := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	sameJSON(t, &Record{Time: late})
	sameJSON(t, &Record{Authority: &Authority{Until: &late}})
}

func FuzzAppendJSON(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text, int64(1))
	}
	f.Fuzz(func(t *testing.T, text, more string, nanos int64) {
		sameJSON(t, &Record{
			ID: text, Time: time.Unix(0, nanos).UTC(), DID: more, Skill: text, Evidence: []string{more, text},
			Authority: &Authority{Descent: text, Gate: more}, Call: &PolicyCall{Action: more, Hops: int(nanos)},
		})
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	r := Record{
		ID: "d-0123456789abcdef", Time: time.Unix(1_700_000_000, 123_456_789).UTC(), Revision: 7, Caller: "caller", DID: "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		Assurance: "agent", Ring: 1, Trust: 500, Callee: "ledger", Method: "SendMessage", Binding: "JSONRPC", Effect: "write", Decision: "allow", Micros: 150,
		Authority: &Authority{Descent: "own", Depth: 2, Witness: Witness{"caller caller", "caller caller", "caller caller", "", "caller caller"}},
		Call:      &PolicyCall{Origin: "caller", Bytes: 1024}, Epoch: "0",
	}
	b.Run("own", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			out, _ = r.AppendJSON(out[:0])
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
