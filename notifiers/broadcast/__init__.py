"""Village loudspeakers over MQTT: `publisher` is the connection with the broker, `channel` the stage, `unreached` tells the desk who did not answer."""
