# SPDX-License-Identifier: Apache-2.0
# Describes the extension (NAME.s4ext, part of the package) and sets up `cpack`.
# Slicer's own file also refuses a source folder that is no git checkout; here the revision is then "local".

foreach(item README LICENSE)
  if(DEFINED EXTENSION_${item}_FILE AND NOT EXISTS "${EXTENSION_${item}_FILE}")
    message(FATAL_ERROR "error: EXTENSION_${item}_FILE points to an inexistent file: ${EXTENSION_${item}_FILE}")
  endif()
endforeach()
if(NOT "${EXTENSION_DEPENDS}" STREQUAL "NA" AND "${EXTENSION_DEPENDS}" MATCHES ",")
  message(FATAL_ERROR "EXTENSION_DEPENDS is a list with spaces between the names: ${EXTENSION_DEPENDS}")
endif()

execute_process(COMMAND git rev-parse --short HEAD WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if("${revision}" STREQUAL "")
  set(revision local)
endif()

set(description_file "${CMAKE_BINARY_DIR}/${EXTENSION_NAME}.s4ext")
file(WRITE "${description_file}"
"scm git
scmurl ${EXTENSION_HOMEPAGE}
scmrevision ${revision}
depends ${EXTENSION_DEPENDS}
build_subdirectory ${EXTENSION_BUILD_SUBDIRECTORY}
homepage ${EXTENSION_HOMEPAGE}
contributors ${EXTENSION_CONTRIBUTORS}
category ${EXTENSION_CATEGORY}
iconurl ${EXTENSION_ICONURL}
status ${EXTENSION_STATUS}
description ${EXTENSION_DESCRIPTION}
screenshoturls ${EXTENSION_SCREENSHOTURLS}
enabled ${EXTENSION_ENABLED}
")
install(FILES "${description_file}" DESTINATION "${Slicer_INSTALL_SHARE_DIR}" COMPONENT RuntimeLibraries)

set(CPACK_GENERATOR TGZ)
set(CPACK_MONOLITHIC_INSTALL ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${EXTENSION_DESCRIPTION}")
set(CPACK_PACKAGE_FILE_NAME
  "${Slicer_REVISION}-${Slicer_OS}-${Slicer_ARCHITECTURE}-${EXTENSION_NAME}-git${revision}")
if(DEFINED EXTENSION_README_FILE)
  set(CPACK_PACKAGE_DESCRIPTION_FILE "${EXTENSION_README_FILE}")
endif()
if(DEFINED EXTENSION_LICENSE_FILE)
  set(CPACK_RESOURCE_FILE_LICENSE "${EXTENSION_LICENSE_FILE}")
endif()
include(CPack)
