package centralnode

import (
	"context"
	"net"

	"vedette/centralnode/web"
)

// openWeb makes the web interface and listens for browsers, where one is
// configured.
func (n *Node) openWeb(context.Context) (err error) {
	if n.config.Web.Address == "" {
		return nil
	}
	n.web, err = web.New(web.Config{
		Address: n.config.Web.Address, Certificate: n.base.Serving, Sessions: n.base.Sessions, Accounts: n.base.Accounts, Backend: n.admin,
		Hosts: n.config.Web.Hosts, Names: func() []string { return n.base.Serving.Pair().Leaf().DNSNames },
		Idle: n.config.Web.Idle, Lifetime: n.config.Web.Lifetime,
		Version: n.config.Version, Logger: n.config.Logger.With("room", "web"), Now: n.config.Now,
	})
	if err != nil {
		return err
	}
	n.opened.Add(n.web.Close)
	return nil
}

// WebAddress is where administrators use the web interface, nil when nowhere.
func (n *Node) WebAddress() net.Addr {
	if n.web == nil {
		return nil
	}
	return n.web.Address()
}

// runWeb serves browsers until ctx ends.
func (n *Node) runWeb(ctx context.Context) error {
	if n.web == nil {
		<-ctx.Done()
		return nil
	}
	return n.web.Run(ctx)
}
