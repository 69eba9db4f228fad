package main

import (
	"context"

	"github.com/gallra/gallra/gdpr"
)

// Who acts. Every act names one of them, and for which purpose.
var (
	owner      = gdpr.Person("Karin Ek") // may grant from the start, and nothing else
	manager    = gdpr.Person("Sten Åberg")
	support    = gdpr.Person("Moa Norén")
	sales      = gdpr.Person("Olle Frisk")
	operations = gdpr.Person("Tove Hall")
	privacy    = gdpr.Person("Sara Dahl")
)

// grants are the register's roles and who holds them. Nobody else may do anything.
var grants = []gdpr.Grant{
	{Role: "support", Actor: support},
	{Role: "sales", Actor: sales},
	{Role: "operations", Actor: operations},
	{Role: "privacy", Actor: privacy},
}

// grant gives the roles out: the owner makes a manager, and the manager does the rest.
func (h *house) grant(ctx context.Context) error {
	if _, err := h.As(owner, gdpr.Retention).Grant(ctx, gdpr.Grant{Role: "manager", Actor: manager}); err != nil {
		return err
	}
	for _, g := range grants {
		if _, err := h.As(manager, gdpr.Retention).Grant(ctx, g); err != nil {
			return err
		}
	}
	return nil
}
