// Package registry knows the agents of the mesh: it takes registrations, keeps them in the store, and
// publishes what it knows as immutable snapshots. It decides who exists, never who may call whom.
package registry
