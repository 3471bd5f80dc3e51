package trust

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"ringfence.dev/ringfence/internal/agent"
)

// TestRoots computes the table anew: each root is the square root of the one before.
func TestRoots(t *testing.T) {
	t.Parallel()
	root := new(big.Float).SetPrec(200).SetInt64(2)
	for i, want := range roots {
		root.Sqrt(root)
		value := new(big.Float).SetPrec(200).SetInt64(one)
		value.Quo(value, root).Add(value, big.NewFloat(0.5))
		if got, _ := value.Uint64(); got != want {
			t.Errorf("root %d is %d, want %d", i+1, want, got)
		}
	}
}

func TestDecay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		of                Evidence
		seconds, halfLife int64
		want              Evidence
	}{
		{"no-time", 7 * Point, 0, day, 7 * Point},
		{"time-went-back", 7 * Point, -5, day, 7 * Point},
		{"one-half-life", 8 * Point, day, day, 4 * Point},
		{"three-half-lives", 8 * Point, 3 * day, day, Point},
		{"half-a-half-life", 4 * Point, day / 2, day, 2_828_427_124},
		{"a-quarter", Point, day / 4, day, 840_896_415},
		{"for-ever", MaxEvidence, math.MaxInt64, day, 0},
		{"nothing", 0, day, day, 0},
		{"negative", -Point, day, day, 0},
		{"no-half-life", Point, 1, 0, 0},
		{"last-bit", 1, 1, day, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.of.decay(test.seconds, test.halfLife); got != test.want {
				t.Errorf("decay(%d, %d) of %d = %d, want %d", test.seconds, test.halfLife, test.of, got, test.want)
			}
		})
	}
}

// TestDecayIsExact holds the integers against floating point, and that what is left never grows with time.
func TestDecayIsExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		of := Evidence(random.Int64N(int64(MaxEvidence)))
		halfLife := hour + random.Int64N(3650*day-hour)
		seconds := random.Int64N(4 * halfLife)
		got := of.decay(seconds, halfLife)
		want := float64(of) * math.Exp2(-float64(seconds)/float64(halfLife))
		if math.Abs(float64(got)-want) > 2+want*1e-8 {
			t.Fatalf("decay(%d, %d) of %d = %d, want %f", seconds, halfLife, of, got, want)
		}
		if later := of.decay(seconds+1, halfLife); later > got {
			t.Fatalf("decay(%d, %d) of %d grew from %d to %d", seconds+1, halfLife, of, got, later)
		}
	}
}

func TestTimesSaturates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		of   Evidence
		n    int64
		want Evidence
	}{
		{Point, 3, 3 * Point},
		{MaxEvidence, math.MaxInt64, MaxEvidence},
		{1, math.MaxInt64, MaxEvidence},
		{math.MaxInt64, 2, MaxEvidence},
		{-Point, 3, 0},
		{Point, -3, 0},
		{Point, 0, 0},
	} {
		if got := test.of.times(test.n); got != test.want {
			t.Errorf("%d times %d = %d, want %d", test.of, test.n, got, test.want)
		}
	}
}

// TestScoreOfTheSpecification computes the examples of the sources: a base of 0.5, W = 20.
func TestScoreOfTheSpecification(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		good, bad Evidence
		base      agent.Trust
		want      agent.Trust
	}{
		{0, 0, 250, 250},
		{0, 0, 1000, 1000},
		{20 * Point, 0, 500, 750},
		{100 * Point, 0, 500, 916},
		{100 * Point, 200 * Point, 500, 343},
		{0, 1, 400, 399},
		{MaxEvidence, MaxEvidence, 1000, 500},
		{0, MaxEvidence, 1000, 0},
		{MaxEvidence, 0, 0, 999},
		{0, 0, -5, 0},
		{0, 0, 5000, 1000},
	} {
		if got := score(test.good, test.bad, 20*Point, test.base); got != test.want {
			t.Errorf("score(%d, %d) at base %d = %d, want %d", test.good, test.bad, test.base, got, test.want)
		}
	}
	if got := score(Point, 0, 0, 500); got != 0 {
		t.Errorf("without rules the score is %d", got)
	}
}
