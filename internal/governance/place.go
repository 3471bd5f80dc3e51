package governance

import (
	"strings"

	"ringfence.dev/ringfence/internal/a2a"
)

// placeNames are the names that A2A and JSON-RPC have for what texts stand in.
var placeNames = func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(`
		jsonrpc id method params result error code data details status reason domain request kind metadata extensions tenant
		message messageId contextId taskId referenceTaskIds role parts content text raw bytes file url uri fileWithUri fileWithBytes
		name filename mediaType mimeType task tasks state timestamp update msg artifact artifacts artifactId description history
		final append lastChunk statusUpdate artifactUpdate pageToken nextPageToken
		configuration acceptedOutputModes blocking returnImmediately historyLength pushNotification pushNotificationConfig
		taskPushNotificationConfig pushNotificationConfigId configs config configId token authentication schemes scheme credentials parent
		version protocolVersion documentationUrl iconUrl provider organization capabilities required preferredTransport
		supportedInterfaces additionalInterfaces protocolBinding transport defaultInputModes defaultOutputModes inputModes outputModes
		skills tags examples security securityRequirements securitySchemes signatures protected signature header`) {
		names[name] = true
	}
	return names
}()

// Place returns the way to a text, for records and logs: the JSON Pointer with these steps, with "*" in the place of each
// name that A2A does not define. Such a name is a text itself: what was found may stand in it, or beside it.
func Place(steps []a2a.Step) string {
	var place strings.Builder
	for _, step := range steps {
		place.WriteByte('/')
		if step.Index || placeNames[step.Name] {
			place.WriteString(step.Name)
		} else {
			place.WriteByte('*')
		}
	}
	return place.String()
}
