# The header rule that Envoy asks for: who may call agents, by verb, path and a role that an earlier hop has set.
package envoy.authz

default allow := false

allow if {
	input.method in {"GET", "POST"}
	startswith(input.path, "/agents/")
	input.headers["x-role"] in {"operator", "auditor"}
}
