package centralnode

import (
	"context"
	"fmt"
	"net/http"

	"vedette/centralnode/external"
	"vedette/centralnode/external/events"
	"vedette/centralnode/external/response"
	"vedette/centralnode/external/scanner"
	"vedette/centralnode/trust"
	"vedette/proto/openapi"
	"vedette/proto/problem"
)

// openExternal makes the room of external systems and gives it its place at the
// door.
func (n *Node) openExternal(ctx context.Context) (err error) {
	n.external, err = external.New(ctx, external.Config{
		Door: n.gateway, Store: n.entities, Trail: n.base.Trail, Certificate: n.base.Serving, Version: n.config.Version,
		Logger: n.config.Logger.With("room", "external"), Now: n.config.Now,
	})
	if err != nil {
		return fmt.Errorf("read the external systems: %w", err)
	}
	return nil
}

// openAPI gives external systems their paths.
func (n *Node) openAPI() {
	log := n.config.Logger.With("room", "external")
	n.gateway.Handle(trust.Description, "/kata/openapi.yaml", openapiHandler())
	scanner.New(scanner.Config{Scans: n.scan, Alerts: n.alerts, Version: n.config.Version, Logger: n.external.Log()}).Register(n.external.Handle)
	n.polls = events.New(events.Config{Log: n.log, Describe: n.admin.Describe, Logger: log, Now: n.config.Now})
	n.polls.Register(n.external.Handle)
	response.New(response.Config{Hosts: n.table, Version: n.config.Version}).Register(n.external.Handle)
}

// openapiHandler serves the description of the API of external systems.
func openapiHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			problem.Write(w, &problem.Problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Code: problem.BadRequest, Detail: "This path knows GET."})
			return
		}
		h.Set("Content-Type", "application/yaml")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(openapi.Document) // a caller that is gone is told by nobody
	})
}
