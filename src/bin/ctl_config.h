/*-------------------------------------------------------------------------
 *
 * ctl_config.h
 *		The servers that the scripts' configuration file names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H

/* Lists with commas, of one length, to be freed by the caller. */
typedef struct CtlConfigServers
{
	char	   *hosts;
	char	   *ports;
} CtlConfigServers;

/*
 * Reads the file.  False, with a message (to be freed by the caller), if it
 * cannot be read or understood, or does not tell where the servers are.
 */
extern bool ctl_config_read(const char *path, CtlConfigServers *servers,
							char **error);

#endif							/* CTL_CONFIG_H */
