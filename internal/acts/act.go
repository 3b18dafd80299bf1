package acts

// The Central Node's own acts, by the word that audit records carry and that
// docs/security.md lists with the roles that may do them. What both daemons can
// do is named beside its deeds: in accounts, servercert and conduct.
const (
	ActViewStatus      = "status view"
	ActGenerateAgent   = "agent-certificate generate"
	ActUploadAgent     = "agent-certificate upload"
	ActDeleteAgent     = "agent-certificate delete"
	ActSetValidation   = "agent-certificate validation"
	ActViewSensors     = "sensor view"
	ActAcceptSensor    = "sensor accept"
	ActRejectSensor    = "sensor reject"
	ActDeleteSensor    = "sensor delete"
	ActViewSystems     = "external-system view"
	ActAcceptSystem    = "external-system accept"
	ActRejectSystem    = "external-system reject"
	ActDeleteSystem    = "external-system delete"
	ActSetScanPriority = "external-system priority"
	ActViewAlerts      = "alert view"
	ActSetAlertState   = "alert state"
	ActViewScan        = "scan view"
	ActViewHosts       = "host view"
	ActSetActivity     = "host activity"
	ActViewEvents      = "event view"
)
