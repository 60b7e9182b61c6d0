// Package ext stands in for a module that Traefik replaces by a folder of its own, which its released module lacks.
package ext

// HTTP adds nothing to the configuration.
type HTTP struct{}

// Router adds nothing to a router.
type Router struct{}
