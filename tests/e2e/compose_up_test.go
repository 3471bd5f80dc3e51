package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ringfence.dev/ringfence/tests/envoytest"
)

// compose does what `docker compose up` does, with processes on loopback for containers: the command lines, mounts,
// variables and health checks of the compose file, each service name and port replaced by a free address, and each
// path put below root.
type compose struct {
	file      composeFile
	images    dockerfile
	root      string
	addresses map[string]string // by SERVICE:PORT
}

// TestComposeUp starts the example as its README says and runs the calls of that page.
func TestComposeUp(t *testing.T) {
	t.Parallel()
	c := &compose{file: readCompose(t), images: readDockerfile(t), root: t.TempDir(), addresses: map[string]string{}}
	for _, name := range []string{"ringfence:15080", "ringfence:15010", "ringfence:15081", "weather:9000", "ledger:9000", "127.0.0.1:9901"} {
		c.addresses[name] = fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t))
	}
	c.addresses["envoy:10000"] = envoytest.ReservedAddress(t)
	c.mount(t)
	c.up(t)
	blocks := readPage(t, filepath.Join(composeDir, "README.md"))
	for i := range blocks {
		blocks[i].code, blocks[i].want = c.replace("envoy", blocks[i].code), c.replace("envoy", blocks[i].want)
	}
	play(t, t.TempDir(), c.docker(), blocks)
	for name, s := range c.file.Services {
		if strings.HasPrefix(s.Restart, "on-failure") {
			c.complete(t, name) // as at every further start
		}
	}
}

// replace puts the addresses and paths of this run in the place of those that a service sees.
func (c *compose) replace(service, text string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(c.addresses)) {
		address := c.addresses[name]
		host, port, _ := net.SplitHostPort(name)
		pairs = append(pairs, name, address,
			"address: "+host+", port_value: "+port, "address: 127.0.0.1, port_value: "+portOf(address),
			"/dev/tcp/"+host+"/"+port, "/dev/tcp/127.0.0.1/"+portOf(address),
			"localhost:"+port, "localhost:"+portOf(address))
		// All services listen on all interfaces of their own; Ringfence also says where Envoy listens.
		if host == service || service == "ringfence" && host == "envoy" {
			pairs = append(pairs, "0.0.0.0:"+port, address)
		}
	}
	pairs = append(pairs,
		"advertise: ringfence", "advertise: 127.0.0.1",
		"allowedNetworks: [", "allowedNetworks: [127.0.0.0/8, ",
		"/usr/local/bin/", bin+"/", "/etc/", c.root+"/etc/", "/var/lib", c.root+"/var/lib", "/home/", c.root+"/home/")
	return strings.NewReplacer(pairs...).Replace(text)
}

// mount puts the files and volumes of all services below root.
func (c *compose) mount(t *testing.T) {
	t.Helper()
	for name, s := range c.file.Services {
		for _, mount := range s.mounts(t) {
			at := filepath.Join(c.root, mount[1])
			if !strings.HasPrefix(mount[0], ".") {
				if err := os.MkdirAll(at, 0o700); err != nil {
					t.Fatal(err)
				}
				continue
			}
			content, err := os.ReadFile(filepath.Join(composeDir, mount[0]))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(c.replace(name, string(content))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// up starts the services that have no profile, each when what it depends on is as it demands.
func (c *compose) up(t *testing.T) {
	t.Helper()
	started := map[string]bool{}
	var start func(string)
	start = func(name string) {
		s := c.file.Services[name]
		if started[name] || len(s.Profiles) > 0 {
			return
		}
		started[name] = true
		for _, other := range slices.Sorted(maps.Keys(s.DependsOn)) {
			start(other)
			switch s.DependsOn[other].Condition {
			case "service_healthy":
				c.healthy(t, other)
			case "service_completed_successfully":
				c.complete(t, other)
			}
		}
		if !strings.HasPrefix(s.Restart, "on-failure") {
			launch(t, c.command(t, name, s.Command))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.file.Services)) {
		start(name)
	}
	c.healthy(t, "envoy")
}

// command returns the command that runs the arguments in a container of the service.
func (c *compose) command(t *testing.T, name string, args []string) *exec.Cmd {
	t.Helper()
	program := []string{envoyBinary}
	target := c.file.builtBy(c.file.Services[name]).Target
	if target != "" {
		program = []string{c.images.entrypoint(t, target)}
	}
	cmd := c.exec(name, append(program, args...))
	if target == "" {
		cmd.Env = os.Environ()
	}
	return cmd
}

// exec returns the command as it runs in the service's container: without a shell, /tmp or variables of this machine.
func (c *compose) exec(name string, line []string) *exec.Cmd {
	s := c.file.Services[name]
	for i := range line {
		line[i] = c.replace(name, line[i])
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = c.root
	// The variable stands for the default address, which the health check takes.
	cmd.Env = []string{"TMPDIR=/nonexistent", "PATH=" + os.Getenv("PATH"), "RINGFENCE_API=" + c.addresses["ringfence:15080"]}
	if variable := c.images.last(c.file.builtBy(s).Target, "ENV"); variable != "" {
		cmd.Env = append(cmd.Env, c.replace(name, variable))
		cmd.Dir = c.replace(name, c.images.last(c.file.builtBy(s).Target, "WORKDIR"))
	}
	for _, key := range slices.Sorted(maps.Keys(s.Environment)) {
		cmd.Env = append(cmd.Env, key+"="+c.replace(name, s.Environment[key]))
	}
	return cmd
}

func (c *compose) healthy(t *testing.T, name string) {
	t.Helper()
	test := c.file.Services[name].Healthcheck.Test
	if test[0] != "CMD" {
		t.Fatalf("%s: the health check is not a command line", name)
	}
	eventually(t, name+" is healthy", func() error {
		out, err := c.exec(name, slices.Clone(test[1:])).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// complete runs a service that ends, again if it fails, as its restart policy says.
func (c *compose) complete(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" has completed", func() error {
		out, err := c.command(t, name, slices.Clone(c.file.Services[name].Command)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// docker returns a shell function that stands for the Docker client on the README page.
func (c *compose) docker() string {
	run := c.exec("cli", []string{filepath.Join(bin, "ringfence")})
	return fmt.Sprintf(`docker() {
  case "$1 $2" in
  "compose up" | "compose down" | "compose --profile") return ;;
  "compose run")
    shift 2
    while [ "${1#-}" != "$1" ]; do shift; done
    [ "$1" = cli ] && shift && (cd '%s' && env -i %s '%s' "$@") ;;
  "compose cp")
    [ "$4" = - ] && tar -cf - -C "$(dirname "${3#ringfence:}")" "$(basename "$3")" ;;
  *) return 64 ;;
  esac
}
`, run.Dir, "'"+strings.Join(run.Env, "' '")+"'", run.Path)
}

// launch starts a program that runs until the test ends.
func launch(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	p := &process{Cmd: cmd, exited: make(chan struct{})}
	p.Stdout, p.Stderr = &p.output, &p.output
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		select {
		case <-p.exited:
			t.Error(errors.New("ended early"), cmd.Args)
		default:
		}
		p.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%v:\n%s", cmd.Args, p.output.String())
		}
	})
}
