// Package cards decides what AgentCards are worth: whether a signature covers a card and whose it is (A2A 1.0
// section 8.4), what a new card changes about an agent, and which of those changes wait for a person. It signs the
// cards that the mesh serves. It fetches and stores nothing.
package cards
