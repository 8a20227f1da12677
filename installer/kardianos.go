package installer

import "github.com/kardianos/service"

// kardianos is the service as github.com/kardianos/service knows it, with that program and its arguments.
func kardianos(program string, args []string, user string, more service.KeyValue) (service.Service, error) {
	return service.New(nothing{}, &service.Config{Name: Name, DisplayName: title, Description: description, UserName: user,
		Executable: program, Arguments: args, Option: more})
}

// nothing is what service.New wants to run, and is never asked to: Run runs the work.
type nothing struct{}

func (nothing) Start(service.Service) error { return nil }
func (nothing) Stop(service.Service) error  { return nil }
