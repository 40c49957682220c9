// The same for `import`: one copy of the code, whichever way it is loaded.
import sdk from './index.cjs';

export const {
  TajoClient,
  TajoError,
  SettingsWrong,
  NotReached,
  NotTajo,
  TooOld,
  Refused,
  KeyRefused,
  RoleRefused,
  NotFound,
  Conflict,
  TooManyCalls,
  ServiceFault,
} = sdk;
export default TajoClient;
