package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"ringfence.dev/ringfence/envoy"
	"ringfence.dev/ringfence/internal/config"
	"ringfence.dev/ringfence/tests/envoytest"
)

const composeDir = "../../examples/docker-compose"

// composeFile is what a compose file says, as far as the example uses it.
type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]composeService `yaml:"services"`
	Networks map[string]struct{}       `yaml:"networks"`
	Volumes  map[string]struct{}       `yaml:"volumes"`

	// Extensions are the parts that services share by reference.
	Extensions map[string]any `yaml:",inline"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Build       composeBuild      `yaml:"build"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Networks    []string          `yaml:"networks"`
	NetworkMode string            `yaml:"network_mode"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	Restart     string            `yaml:"restart"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test     []string `yaml:"test"`
		Interval string   `yaml:"interval"`
		Timeout  string   `yaml:"timeout"`
		Retries  int      `yaml:"retries"`
	} `yaml:"healthcheck"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
}

type composeBuild struct {
	Context string `yaml:"context"`
	Target  string `yaml:"target"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(composeDir, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for name := range file.Extensions {
		if !strings.HasPrefix(name, "x-") {
			t.Fatalf("unknown key %s", name)
		}
	}
	return file
}

// builtBy returns the build of the service that makes the image of s; every image has one, or is a release.
func (f composeFile) builtBy(s composeService) composeBuild {
	for _, other := range f.Services {
		if other.Image == s.Image && other.Build != (composeBuild{}) {
			return other.Build
		}
	}
	return composeBuild{}
}

// mounts splits the volumes of a service into source, target and options.
func (s composeService) mounts(t *testing.T) [][3]string {
	t.Helper()
	var mounts [][3]string
	for _, volume := range s.Volumes {
		parts := strings.Split(volume, ":")
		if len(parts) < 2 || len(parts) > 3 {
			t.Fatalf("volume %q is not SOURCE:TARGET[:OPTIONS]", volume)
		}
		mounts = append(mounts, [3]string{parts[0], parts[1], strings.Join(parts[2:], "")})
	}
	return mounts
}

// dockerfile is what the Dockerfile says: per stage, its instructions as lists of words.
type dockerfile struct {
	order  []string
	base   map[string]string
	stages map[string][][]string
}

func readDockerfile(t *testing.T) dockerfile {
	t.Helper()
	data, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	d := dockerfile{base: map[string]string{}, stages: map[string][][]string{}}
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(data), "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "FROM" && len(words) == 4 && words[2] == "AS":
			d.order = append(d.order, words[3])
			d.base[words[3]] = words[1]
		case words[0] == "FROM" || len(d.order) == 0:
			t.Fatalf("every stage must be named: %s", line)
		default:
			stage := d.order[len(d.order)-1]
			d.stages[stage] = append(d.stages[stage], words)
		}
	}
	return d
}

// last returns the argument of the last instruction of a kind in the stage or those it is made from.
func (d dockerfile) last(stage, instruction string) string {
	for ; stage != ""; stage = d.base[stage] {
		for _, words := range slices.Backward(d.stages[stage]) {
			if words[0] == instruction {
				return strings.Join(words[1:], " ")
			}
		}
	}
	return ""
}

// entrypoint returns the program an image runs.
func (d dockerfile) entrypoint(t *testing.T, stage string) string {
	t.Helper()
	var program []string
	if err := json.Unmarshal([]byte(d.last(stage, "ENTRYPOINT")), &program); err != nil || len(program) != 1 {
		t.Fatalf("stage %s has no entry point of one word: %v", stage, err)
	}
	return program[0]
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	d := readDockerfile(t)
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	want := map[string]string{"build": "golang:" + version[1], "base": "scratch", "agent": "base", "ringfence": "base"}
	if diff := cmp.Diff(want, d.base); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if last := d.order[len(d.order)-1]; last != "ringfence" {
		t.Errorf("the default target is %s", last)
	}
	build := fmt.Sprint(d.stages["build"])
	for stage, words := range allInstructions(d) {
		switch {
		case words[0] == "COPY" && words[1] != "--from=build":
			for _, source := range words[1 : len(words)-1] {
				if _, err := os.Stat(filepath.Join("../..", source)); err != nil || stage != "build" {
					t.Errorf("%s: %v: %v", stage, words, err)
				}
			}
		case words[0] == "COPY" && strings.HasPrefix(words[len(words)-2], "/out/bin/"):
			program := path.Base(words[len(words)-2])
			if !strings.HasSuffix(d.entrypoint(t, stage), path.Join(words[len(words)-1], program)) || !strings.Contains(build, "/"+program) {
				t.Errorf("%s: %v: entry point %s", stage, words, d.entrypoint(t, stage))
			}
		case words[0] == "COPY" && strings.HasPrefix(words[len(words)-2], "/out/"):
			target := words[len(words)-1]
			if !slices.Contains(words, "--chown="+d.last(stage, "USER")) || !strings.Contains(build, "/out"+target+"ringfence") {
				t.Errorf("%s: %v: the user of the image does not own the directory, or nobody makes it", stage, words)
			}
		}
	}
	for _, stage := range []string{"ringfence", "agent"} {
		if user := d.last(stage, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
			t.Errorf("%s runs as %q, which must be numbers other than 0", stage, user)
		}
	}
}

// allInstructions yields stage and instruction.
func allInstructions(d dockerfile) func(func(string, []string) bool) {
	return func(yield func(string, []string) bool) {
		for _, stage := range d.order {
			for _, words := range d.stages[stage] {
				if !yield(stage, words) {
					return
				}
			}
		}
	}
}

// TestComposeFile checks what the compose file refers to: images, build targets, services, networks, volumes, ports.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	file, d := readCompose(t), readDockerfile(t)
	settings, err := config.Load(filepath.Join(composeDir, "ringfence.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	listens := map[string][]string{
		"ringfence": {settings.Listen.API, settings.Listen.GRPC, settings.Listen.Cards},
		"envoy":     {settings.Listen.Gateway},
	}
	page, err := os.ReadFile(filepath.Join(composeDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range file.Services {
		build := file.builtBy(s)
		switch {
		case build == (composeBuild{}):
			if s.Image != "envoyproxy/envoy:v"+envoy.Version || !strings.Contains(string(page), "`"+s.Image+"`") {
				t.Errorf("%s: image %s is neither built here nor Envoy %s", name, s.Image, envoy.Version)
			}
		case filepath.Clean(filepath.Join(composeDir, build.Context)) != filepath.Clean("../..") || d.stages[build.Target] == nil:
			t.Errorf("%s: no target %s in %s", name, build.Target, build.Context)
		case !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.SecurityOpt) != 1:
			t.Errorf("%s has rights that it does not need", name)
		}
		for _, port := range s.Ports {
			host, number, ok := strings.Cut(port, ":")
			published, inside, both := strings.Cut(number, ":")
			if !ok || !both || host != "127.0.0.1" || published != inside || !slices.Contains(listens[name], "0.0.0.0:"+inside) {
				t.Errorf("%s: nothing listens on port %s, or it is open to others", name, port)
			}
		}
		checkReferences(t, file, name, s)
		checkMounts(t, file, d, name, s)
	}
	if want := "http://localhost:" + portOf(settings.Listen.Gateway); settings.Mesh.PublicURL != want {
		t.Errorf("mesh.publicURL is %s, want %s", settings.Mesh.PublicURL, want)
	}
	if portOf(settings.Listen.API) != portOf(config.Default().Listen.API) {
		t.Errorf("the health check asks another port than %s", settings.Listen.API)
	}
	if _, ok := file.Services[settings.Mesh.Advertise]; !ok {
		t.Errorf("mesh.advertise names no service: %s", settings.Mesh.Advertise)
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func checkReferences(t *testing.T, file composeFile, name string, s composeService) {
	t.Helper()
	for other, dependency := range s.DependsOn {
		on, ok := file.Services[other]
		switch dependency.Condition {
		case "service_healthy":
			ok = ok && len(on.Healthcheck.Test) > 0
		case "service_completed_successfully":
			ok = ok && strings.HasPrefix(on.Restart, "on-failure:")
		case "service_started":
			ok = ok && on.Restart == "unless-stopped"
		default:
			ok = false
		}
		if !ok {
			t.Errorf("%s can never see %s %s", name, other, dependency.Condition)
		}
	}
	for _, network := range s.Networks {
		if _, ok := file.Networks[network]; !ok {
			t.Errorf("%s: no network %s", name, network)
		}
	}
	if service, ok := strings.CutPrefix(s.NetworkMode, "service:"); ok && len(file.Services[service].Networks) == 0 {
		t.Errorf("%s: no network of %s", name, service)
	}
	// What a command or a variable refers to as http://SERVICE:PORT or SERVICE:PORT.
	values := slices.Clone(s.Command)
	for _, value := range s.Environment {
		values = append(values, value)
	}
	for _, value := range values {
		host, _, err := net.SplitHostPort(strings.TrimPrefix(value, "http://"))
		if _, ok := file.Services[host]; err == nil && !ok && host != "0.0.0.0" {
			t.Errorf("%s: %s leads to no service", name, value)
		}
	}
}

func checkMounts(t *testing.T, file composeFile, d dockerfile, name string, s composeService) {
	t.Helper()
	target := file.builtBy(s).Target
	for _, mount := range s.mounts(t) {
		source, at, options := mount[0], mount[1], mount[2]
		if !strings.HasPrefix(source, ".") {
			data := path.Join(strings.TrimPrefix(d.last(target, "ENV"), "XDG_DATA_HOME="), "ringfence")
			if _, ok := file.Volumes[source]; !ok || at != data && at != d.last(target, "WORKDIR") {
				t.Errorf("%s: volume %s at %s, where the image has no directory of its user", name, source, at)
			}
			continue
		}
		info, err := os.Stat(filepath.Join(composeDir, source))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if options != "ro,z" || !info.Mode().IsRegular() {
			t.Errorf("%s: %s is not a file mounted for reading", name, source)
		}
	}
}

// TestComposeEnvoy holds envoy.yaml to the bootstrap that Ringfence itself generates.
func TestComposeEnvoy(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile(filepath.Join(composeDir, "envoy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bootstrap, err := envoy.Bootstrap{
		NodeID: "gateway", NodeCluster: "ringfence", Admin: "127.0.0.1:9901", ControlPlane: "ringfence:15010",
	}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := yaml.Unmarshal(bootstrap, &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("envoy.yaml (-generated +written):\n%s", diff)
	}
	envoytest.Validate(t, envoyBinary, written)
}
